package redact

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
)

// secretEndings are what the key of a secret ends in, once it is lower case and
// without separators: "db_password", "X-Api-Key" and "clientSecret" all match,
// "token_count", "max_tokens" and "secretary" do not. Digits at the end of a key
// do not matter. A key that merely contains such a word is left alone, because
// masking what an operator needs ("password_reset_at") is a fault as well.
var secretEndings = []string{
	"password", "passwords", "passwd", "passphrase", "pwd", "passwordhash",
	"passwordconfirmation", "passwordconfirm",
	"secret", "secrets", "token", "apikey", "apikeys", "apitoken",
	"authorization", "cookie", "cookies", "privatekey", "secretkey", "accesskey",
	"encryptionkey", "signingkey", "credential", "credentials", "jwt",
	"creditcard", "cvv",
}

// A Keys tells which keys hold secrets. The zero redactor finds none.
type Keys struct {
	on    bool
	exact map[string]bool // from Options.RedactKeys
	// pairs maps the last two letters of a key to 1 + the index of the endings
	// to compare it with; 0 is what nearly every key ends in.
	pairs   [32 * 32]uint8
	endings [][]string
}

// NewKeys finds the secrets' keys that it knows, and those like more.
func NewKeys(more []string) *Keys {
	r := &Keys{on: true, exact: make(map[string]bool)}
	note := func(key string) (endings *[]string) {
		at := &r.pairs[pair(key[len(key)-2], key[len(key)-1])]
		if *at == 0 {
			r.endings = append(r.endings, nil)
			*at = uint8(len(r.endings))
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
			if len(key) >= 2 && len(r.endings) < math.MaxUint8 {
				note(key)
			} else if len(key) >= 2 {
				r.pairs[pair(key[len(key)-2], key[len(key)-1])] = max(1, r.pairs[pair(key[len(key)-2], key[len(key)-1])])
			}
		}
	}
	return r
}

func pair(a, b byte) int { return int(a&31)<<5 | int(b&31) }

// Hide reports whether the value under key is a secret. Nearly every key is
// settled by its length and last two letters; the rest is looked at in full.
func (r *Keys) Hide(key string) bool {
	n := len(key)
	if !r.on || n == 0 {
		return false
	}
	if n >= 2 && jsontext.IsLetter(key[n-2]) && jsontext.IsLetter(key[n-1]) && r.pairs[pair(key[n-2], key[n-1])] == 0 {
		return false
	}
	return r.masksInFull(key)
}

func (r *Keys) masksInFull(key string) bool {
	var short [64]byte
	text := short[:0]
	for i := 0; i < len(key) && len(text) < len(short); i++ {
		switch c := key[i]; {
		case c >= utf8.RuneSelf:
			return r.masksNormal([]byte(normalizeKey(key)))
		case jsontext.IsLetter(c):
			text = append(text, c|0x20)
		case '0' <= c && c <= '9':
			text = append(text, c)
		}
	}
	if len(text) == len(short) {
		return r.masksNormal([]byte(normalizeKey(key)))
	}
	return r.masksNormal(text)
}

// masksNormal reports whether a key in lower case and without separators is a
// secret's.
func (r *Keys) masksNormal(key []byte) bool {
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
