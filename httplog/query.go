package httplog

import (
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
			if p.escaped {
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
	end     int  // of the parameter
	equals  int  // the first "=", or -1
	more    bool // there is another "="
	escaped bool // there is a "%" or "+"
}

// scanParam looks at every byte once: few have more than a name and a value.
func scanParam(query string) param {
	p := param{equals: -1}
	for ; p.end < len(query); p.end++ {
		switch special[query[p.end]] {
		case separates:
			return p
		case assigns:
			p.more = p.equals >= 0
			if !p.more {
				p.equals = p.end
			}
		case escapes:
			p.escaped = true
		}
	}
	return p
}

// What the bytes of a query mean; most mean nothing.
const (
	separates = 1 + iota
	assigns
	escapes
)

var special = [256]byte{'&': separates, ';': separates, '=': assigns, '%': escapes, '+': escapes}

// marked reports whether the parameter may hold secrets within its value.
func (p param) marked() bool { return p.more || p.escaped || p.end >= longSegment }

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

// By their first letter, the short ones first.
var (
	secretPartsBy = byFirstLetter(secretParts)
	secretWordsBy = byFirstLetter(secretWords)
)

func byFirstLetter(texts []string) (by [32][]string) {
	for _, text := range texts {
		by[text[0]&31] = append(by[text[0]&31], text)
	}
	for _, list := range by {
		slices.SortFunc(list, func(a, b string) int { return len(a) - len(b) })
	}
	return by
}

// secretName reports whether the value of a parameter with that name is
// probably a secret.
func secretName(name string) bool {
	const shortest = 3 // pwd, key
	if len(name) < shortest {
		return false
	}
	for i := 0; i <= len(name)-shortest; i++ {
		for _, part := range secretPartsBy[name[i]&31] {
			if len(part) > len(name)-i {
				break
			}
			if equalsLower(name[i:i+len(part)], part) {
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
	if word == "" {
		return false
	}
	for _, secret := range secretWordsBy[word[0]&31] {
		if len(word) == len(secret) && equalsLower(word, secret) {
			return true
		}
	}
	return false
}
