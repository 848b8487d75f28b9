package redact

import (
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
