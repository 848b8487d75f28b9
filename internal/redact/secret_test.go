package redact

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestQuote(t *testing.T) {
	secret := NewSecret("ledger_abc")
	for text, want := range map[string]string{
		"":                                "",
		" no \r\n such\tkey ":             "no such key",
		"ledger_abc is unknown":           Mask + " is unknown",
		"bad \xff byte":                   "bad � byte",
		strings.Repeat("x", 200):          strings.Repeat("x", 200),
		strings.Repeat("x", 201):          strings.Repeat("x", 200) + "…",
		"x" + strings.Repeat("é", 100):    "x" + strings.Repeat("é", 99) + "…",
		strings.Repeat("ledger_abc ", 30): strings.Repeat(Mask+" ", 18) + "[r…",
	} {
		if got := secret.Quote(text); got != want || !utf8.ValidString(got) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := NewSecret("").Quote("a\nb"); got != "a b" {
		t.Errorf("without a secret: %q", got)
	}
}
