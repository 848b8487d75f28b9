package redact

import (
	"strings"
	"testing"
)

func TestSecretKeys(t *testing.T) {
	r := NewKeys([]string{"ssn", "Tax ID", "é"})
	for key, want := range map[string]bool{
		"password": true, "db_password": true, "PassWd": true, "client-secret": true, "access_token": true, "api_key": true,
		"X-API-Key": true, "Authorization": true, "Proxy-Authorization": true, "Set-Cookie": true, "private.key": true,
		"password2": true, "p_a_s_s_w_o_r_d_": true, "ssn": true, "SSN": true, "tax_id": true, "É": true,
		"token_count": false, "max_tokens": false, "secretary": false, "key": false, "user_ssn": false, "": false, "a": false,
		"password_reset_at": false, "monkey": false, "primary_key": false, "session": false, "1": false, "__": false,
	} {
		if got := r.IsSecret(key); got != want {
			t.Errorf("IsSecret(%q) = %v", key, got)
		}
	}
}

// Keys of any length are looked at up to their end, and no further.
func TestLongSecretKeys(t *testing.T) {
	r := NewKeys([]string{strings.Repeat("k", 64), strings.Repeat("k", 65)})
	for n := range 80 {
		filling := strings.Repeat("x", n)
		for key, want := range map[string]bool{
			filling + "password":         true,
			filling + "_Pass-Word_":      true,
			filling + "password42":       true,
			filling + "é_password":       true,
			filling + "password_hidden":  false,
			filling + "passwordé_hidden": false,
		} {
			if got := r.IsSecret(key); got != want {
				t.Errorf("%d characters: IsSecret(%q) = %v", len(key), key, got)
			}
		}
	}
	for n, want := range map[int]bool{63: false, 64: true, 65: true, 66: false} {
		if got := r.IsSecret(strings.Repeat("K", n)); got != want {
			t.Errorf("%d of RedactKeys' characters: %v", n, got)
		}
	}
}
