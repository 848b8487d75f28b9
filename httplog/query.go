package httplog

import (
	"net/url"
	"strings"
)

// mask is logged in place of a secret.
const mask = "***"

// maskQuery returns the query with the values of parameters that are not safe
// masked in place. The rest stays as it was sent, except that it is made
// printable and cut to maxQuery bytes. Both "&" and ";" separate parameters:
// some servers take the one, some both.
func maskQuery(query string, safe func(name string) bool) string {
	var b strings.Builder // used from the first secret on
	copied := 0           // what of query is in b
	for start := 0; start < len(query) && b.Len()+start-copied <= maxQuery; {
		end := len(query)
		if i := strings.IndexAny(query[start:], "&;"); i >= 0 {
			end = start + i
		}
		name, value, assigned := strings.Cut(query[start:end], "=")
		switch {
		case value != "" && (!safe(unescape(name)) || holdsSecret(value, safe)):
			b.Grow(min(len(query), maxQuery))
			b.WriteString(query[copied : start+len(name)+1])
			b.WriteString(mask)
			copied = end
		case !assigned && holdsSecret(name, safe):
			b.WriteString(query[copied:start])
			b.WriteString(mask)
			copied = end
		}
		start = end + 1
	}
	if copied > 0 {
		b.WriteString(query[copied:])
		query = b.String()
	}
	return printable(query, maxQuery)
}

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
	if !strings.ContainsAny(s, "%+") {
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

// secretPartsBy holds the secretParts by their first letter.
var secretPartsBy = func() (by [256][]string) {
	for _, part := range secretParts {
		by[part[0]] = append(by[part[0]], part)
	}
	return by
}()

// secretName reports whether the value of a parameter with that name is
// probably a secret.
func secretName(name string) bool {
	const shortest = 3 // pwd, key
	if len(name) < shortest {
		return false
	}
	for i := range len(name) {
		for _, part := range secretPartsBy[name[i]|0x20] {
			if hasPrefixFold(name[i:], part) {
				return true
			}
		}
	}
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

// isWordByte reports whether c is part of a word: a letter, or a byte of a
// character outside of ASCII.
func isWordByte(c byte) bool {
	return isAlphanumeric(c) && !isDigit(c) || c >= 0x80
}

// beginsWord reports whether a new word begins inside of letters at i > 0: the
// K in apiKey and in APIKey.
func beginsWord(name string, i int) bool {
	upper := func(i int) bool { return i < len(name) && 'A' <= name[i] && name[i] <= 'Z' }
	lower := func(i int) bool { return i < len(name) && 'a' <= name[i] && name[i] <= 'z' }
	return upper(i) && (lower(i-1) || upper(i-1) && lower(i+1))
}

func isSecretWord(word string) bool {
	for _, secret := range secretWords {
		if len(word) == len(secret) && strings.EqualFold(word, secret) {
			return true
		}
	}
	return false
}
