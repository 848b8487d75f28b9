package httplog

import (
	"math/bits"
	"net/url"
	"slices"
	"strings"
)

// mask is logged in place of a secret.
const mask = "***"

// maskQuery returns the query with the values of parameters that are not safe
// masked in place. The rest stays as it was sent, except that it is made
// printable and cut to limit bytes.
func maskQuery(query string, limit int, safe func(name string) bool) string {
	if b, changed := appendMasked(nil, query, limit, safe); changed {
		return string(b)
	}
	return query
}

// appendMasked appends the query as [maskQuery] returns it, or nothing when the
// query stays as it is. Both "&" and ";" separate parameters: some servers take
// the one, some both.
func appendMasked(b []byte, query string, limit int, safe func(name string) bool) (_ []byte, changed bool) {
	begin, copied := len(b), 0 // copied: what of query is in b
	for start := 0; start < len(query) && len(b)-begin+start-copied <= limit; {
		p := scanParam(query[start:])
		switch {
		case p.equals < 0:
			if p.marked() && holdsSecret(query[start:start+p.end], safe) {
				b = append(b, query[copied:start]...)
				b = append(b, mask...)
				copied = start + p.end
			}
		case p.equals+1 < p.end:
			name, value := query[start:start+p.equals], query[start+p.equals+1:start+p.end]
			if p.nested {
				name = unescape(name)
			}
			if !safe(name) || p.marked() && holdsSecret(value, safe) {
				b = append(b, query[copied:start+p.equals+1]...)
				b = append(b, mask...)
				copied = start + p.end
			}
		}
		start += p.end + 1
	}
	if copied > 0 {
		b = append(b, query[copied:min(len(query), copied+limit+1)]...)
		if len(b)-begin <= limit && isPrintableASCII(query) {
			return b, true
		}
		return appendPrintable(b[:begin], string(b[begin:]), limit), true
	}
	if len(query) <= limit && isPrintableASCII(query) {
		return b, false
	}
	return appendPrintable(b, query, limit), true
}

// A param is where the parts of the first parameter of a query are.
type param struct {
	end    int  // of the parameter
	equals int  // the first "=", or -1
	nested bool // there is another "=", a "%" or a "+"
}

// scanParam looks at every byte once: few have more than a name and a value.
func scanParam(query string) param {
	end, equals, nested := 0, -1, false
	for ; end < len(query); end++ {
		meaning := special[query[end]]
		if meaning == 0 {
			continue
		}
		if meaning == separates {
			break
		}
		if meaning == assigns && equals < 0 {
			equals = end
			continue
		}
		nested = true
	}
	return param{end, equals, nested}
}

// What the bytes of a query mean; most mean nothing.
const (
	separates = 1 + iota
	assigns
	escapes
)

var special = [256]byte{'&': separates, ';': separates, '=': assigns, '%': escapes, '+': escapes}

// marked reports whether the parameter may hold secrets within its value.
func (p param) marked() bool { return p.nested || p.end >= longSegment }

// holdsSecret reports whether a value is a JSON web token or holds a query of
// its own with a secret in it, as the target of a redirect may.
func holdsSecret(value string, safe func(name string) bool) bool {
	for range 3 { // as often may a value be escaped within escaped values
		if isJWT(value) {
			return true
		}
		for rest := value; ; {
			i := strings.IndexByte(rest, '=')
			if i < 0 {
				break
			}
			name := rest[:i]
			name = name[strings.LastIndexAny(name, "?&;#")+1:]
			rest = rest[i+1:]
			if rest != "" && !safe(unescape(name)) {
				return true
			}
		}
		decoded := unescape(value)
		if decoded == value {
			break
		}
		value = decoded
	}
	return false
}

// unescape decodes a part of a query, or returns it as it is when it cannot be
// decoded.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	if decoded, err := url.QueryUnescape(s); err == nil {
		return decoded
	}
	return s
}

// Names of parameters that hold secrets. Too much masked is a nuisance, too
// little is a leak.
var (
	// secretParts make a name secret wherever they occur in it, as in
	// "accesstoken".
	secretParts = []string{
		"token", "password", "passwd", "passphrase", "passcode", "pwd", "secret", "signature", "credential",
		"apikey", "accesskey", "privatekey", "authkey", "authoriz", "authcode", "bearer", "jwt", "oauth",
		"sessionid", "sessid", "csrf", "xsrf", "saml",
	}
	// secretWords make a name secret as a word of it: "api_key", "apiKey" and
	// "API-KEY", but not "keyword" or "monkey".
	secretWords = []string{
		"key", "keys", "code", "codes", "pass", "sig", "hmac", "auth", "session", "sid", "otp", "totp", "pin",
		"cvv", "cvc", "ssn", "ticket", "assertion",
	}
)

// secrets are the parts, then the words.
var secrets = slices.Concat(secretParts, secretWords)

// A secretSet has a bit for each of secrets.
type secretSet uint64

// partSet are those that are secretParts.
var partSet = secretSet(1)<<len(secretParts) - 1

// secretsWith are the secrets with a letter in the first, second and third place.
// The shortest have three letters.
var secretsWith = func() (with [shortestSecret][32]secretSet) {
	for i, secret := range secrets {
		for place := range with {
			with[place][secret[place]&31] |= 1 << i
		}
	}
	return with
}()

const shortestSecret = 3 // pwd, key

// secretName reports whether the value of a parameter with that name is
// probably a secret.
func secretName(name string) bool {
	words := false // one of secretWords may be in it
	for i := 0; i <= len(name)-shortestSecret; i++ {
		begin := secretsWith[0][name[i]&31] & secretsWith[1][name[i+1]&31] & secretsWith[2][name[i+2]&31]
		if begin == 0 { // most do
			continue
		}
		words = words || begin&^partSet != 0
		for parts := begin & partSet; parts != 0; parts &= parts - 1 {
			part := secrets[bits.TrailingZeros64(uint64(parts))]
			if len(part) <= len(name)-i && equalsLower(name[i:i+len(part)], part) {
				return true
			}
		}
	}
	return words && hasSecretWord(name)
}

// hasSecretWord reports whether one of the words of the name is a secret one.
func hasSecretWord(name string) bool {
	start := 0
	for i := 0; i <= len(name); i++ {
		if i < len(name) && isWordByte(name[i]) && (i == start || !beginsWord(name, i)) {
			continue
		}
		if isSecretWord(name[start:i]) {
			return true
		}
		start = i
		if i < len(name) && !isWordByte(name[i]) {
			start = i + 1
		}
	}
	return false
}

// equalsLower reports whether s is the word, which has as many bytes and only
// small letters, in any case.
func equalsLower(s, word string) bool {
	for i := range len(word) {
		if s[i]|0x20 != word[i] {
			return false
		}
	}
	return true
}

// isWordByte reports whether c is part of a word: a letter, or a byte of a
// character outside of ASCII.
func isWordByte(c byte) bool {
	letter := c | 0x20
	return 'a' <= letter && letter <= 'z' || c >= 0x80
}

// beginsWord reports whether a new word begins inside of letters at i > 0: the
// K in apiKey and in APIKey.
func beginsWord(name string, i int) bool {
	if !isUpper(name, i) {
		return false
	}
	return isLower(name, i-1) || isUpper(name, i-1) && isLower(name, i+1)
}

func isUpper(s string, i int) bool { return i < len(s) && 'A' <= s[i] && s[i] <= 'Z' }
func isLower(s string, i int) bool { return i < len(s) && 'a' <= s[i] && s[i] <= 'z' }

func isSecretWord(word string) bool {
	return slices.ContainsFunc(secretWords, func(secret string) bool {
		return len(word) == len(secret) && equalsLower(word, secret)
	})
}
