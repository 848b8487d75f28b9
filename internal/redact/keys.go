// Package redact knows which keys hold secrets, and keeps a secret of its own: the
// API key, which nothing prints.
//
// The encoder asks it for each key that it has not seen before; the options and
// the transport hold the API key as a [Secret]. It must never know where a key
// stands or what its value is.
package redact

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
)

// secretEndings are the ends of secrets' keys, in lower case and without
// separators. "db_password", "X-Api-Key" and "clientSecret" match; "token_count",
// "max_tokens" and "secretary" do not. Digits at the end of a key do not matter. A
// key that only contains such a word does not match: operators need
// "password_reset_at".
var secretEndings = []string{
	"password", "passwords", "passwd", "passphrase", "pwd", "passwordhash",
	"passwordconfirmation", "passwordconfirm",
	"secret", "secrets", "token", "apikey", "apikeys", "apitoken",
	"authorization", "cookie", "cookies", "privatekey", "secretkey", "accesskey",
	"encryptionkey", "signingkey", "credential", "credentials", "jwt",
	"creditcard", "cvv",
}

// Keys are the keys of secrets. The zero Keys are none.
type Keys struct {
	on    bool
	exact map[string]bool // as normalizeKey returns them
	// pairs maps the last two letters of a key to 1 + the index of the endings to
	// compare it with, or to 0, as for nearly every key.
	pairs   [32 * 32]uint16
	endings [][]string
}

// NewKeys returns the usual keys of secrets, and more, whatever their case and
// separators.
func NewKeys(more []string) *Keys {
	r := &Keys{on: true, exact: make(map[string]bool)}
	note := func(key string) (endings *[]string) {
		at := &r.pairs[pair(key[len(key)-2], key[len(key)-1])]
		if *at == 0 {
			r.endings = append(r.endings, nil)
			*at = uint16(len(r.endings))
		}
		return &r.endings[*at-1]
	}
	for _, ending := range secretEndings {
		endings := note(ending)
		*endings = append(*endings, ending)
	}
	for _, key := range more {
		if key = normalizeKey(key); key != "" {
			r.exact[key] = true
			if len(key) >= 2 {
				note(key)
			}
		}
	}
	return r
}

func pair(a, b byte) int { return int(a&31)<<5 | int(b&31) }

// IsSecret reports whether the value under key is a secret. The last two letters
// decide for nearly every key; the others are looked at in full.
func (r *Keys) IsSecret(key string) bool {
	n := len(key)
	if !r.on || n == 0 {
		return false
	}
	if n >= 2 && jsontext.IsLetter(key[n-2]) && jsontext.IsLetter(key[n-1]) && r.pairs[pair(key[n-2], key[n-1])] == 0 {
		return false
	}
	return r.isSecretInFull(key)
}

func (r *Keys) isSecretInFull(key string) bool {
	var short [64]byte
	text := short[:0]
	for i := 0; i < len(key) && len(text) < len(short); i++ {
		switch c := key[i]; {
		case c >= utf8.RuneSelf:
			return r.isSecretNormal([]byte(normalizeKey(key)))
		case jsontext.IsLetter(c):
			text = append(text, c|0x20)
		case '0' <= c && c <= '9':
			text = append(text, c)
		}
	}
	if len(text) == len(short) {
		return r.isSecretNormal([]byte(normalizeKey(key)))
	}
	return r.isSecretNormal(text)
}

// isSecretNormal is IsSecret for a key in lower case and without separators.
func (r *Keys) isSecretNormal(key []byte) bool {
	if len(r.exact) > 0 && r.exact[string(key)] {
		return true
	}
	n := len(key)
	for n > 0 && '0' <= key[n-1] && key[n-1] <= '9' {
		n--
	}
	if n < 3 {
		return false
	}
	at := r.pairs[pair(key[n-2], key[n-1])]
	if at == 0 {
		return false
	}
	for _, ending := range r.endings[at-1] {
		if n >= len(ending) && string(key[n-len(ending):n]) == ending {
			return true
		}
	}
	return false
}

// normalizeKey returns key in lower case with letters and digits only.
func normalizeKey(key string) string {
	return strings.Map(func(c rune) rune {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			return -1
		}
		return unicode.ToLower(c)
	}, key)
}
