package errstack

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxCause     = 100   // characters of a cause
	maxCauseText = 1_000 // bytes of a text that are looked at
	maxWord      = 40    // bytes of a word; a longer one of ASCII is an id
)

// appendCause appends the fixed part of an error's text: it replaces numbers, ids,
// quoted parts, addresses and paths by a star. "user 17 not found" becomes "user *
// not found". It appends nothing if nothing but stars is left.
func appendCause(b []byte, text string) []byte {
	c := causeWriter{star: -1}
	if len(text) > maxCauseText {
		text = text[:maxCauseText]
	}
	for text != "" && c.n < len(c.text) {
		text = text[c.next(text):]
	}
	if !c.letters {
		return b
	}
	cause := c.text[:c.n]
	for i, n := 0, 0; i < len(cause); n++ {
		if n == maxCause {
			cause = cause[:i]
			break
		}
		_, size := utf8.DecodeRune(cause[i:])
		i += size
	}
	return append(b, bytes.TrimRight(cause, " :;,.")...)
}

// A causeWriter has room for the longest cause.
type causeWriter struct {
	text    [maxCause * utf8.UTFMax]byte
	n       int
	star    int  // where text has the last star; -1 for none
	letters bool // a fixed word was written
	gap     bool // a space is to come
	lookup  bool // the last word announces the name of a host
	inside  bool // what was read last belongs to a word
}

// next takes what text begins with and returns how long it is.
func (c *causeWriter) next(text string) int {
	r, size := utf8.DecodeRuneInString(text)
	inside := c.inside
	c.inside = false
	switch {
	case r == '\n' && c.letters:
		return len(text) // the rest is detail
	case r <= ' ':
		c.gap = c.n > 0
		return 1
	case isQuote(r) && (r != '\'' || !inside):
		if n := quotedLen(text, r, size); n > 0 {
			c.appendVariable()
			return n
		}
	}
	n := wordLen(text)
	if r == '[' {
		if n = bracketedLen(text); n > 0 {
			c.appendVariable()
			return n
		}
	}
	if n == 0 { // punctuation
		c.appendFixed(text[:size])
		return size
	}
	word := strings.TrimRight(text[:n], ":.!?")
	switch {
	case word == "":
		c.appendFixed(text[:n])
		return n
	case c.lookup || isVariable(word):
		c.appendVariable()
		c.lookup = false
	default:
		c.appendFixed(word)
		c.letters = c.letters || strings.IndexFunc(word, unicode.IsLetter) >= 0
		c.lookup = word == "lookup"
	}
	c.inside = true
	if rest := text[len(word):n]; rest != "" {
		c.appendFixed(rest)
	}
	return n
}

func (c *causeWriter) appendFixed(s string) {
	if c.gap {
		c.n += copy(c.text[c.n:], " ")
		c.gap = false
	}
	c.n += copy(c.text[c.n:], s)
}

// appendVariable appends a star. Of several with nothing but marks between them it
// leaves one: of a list the length does not matter.
func (c *causeWriter) appendVariable() {
	if c.star >= 0 && len(bytes.Trim(c.text[c.star+1:c.n], ",;:/|&+->.")) == 0 {
		c.n, c.gap = c.star+1, false
		return
	}
	c.appendFixed("*")
	c.star = c.n - 1
}

// quotedLen returns the length of the quoted part that text begins with, and 0 if
// the quote does not end. An apostrophe ends one only where no word goes on.
func quotedLen(text string, quote rune, size int) int {
	closing := quote
	if i := strings.IndexRune("“‘«", quote); i >= 0 {
		closing = map[rune]rune{'“': '”', '‘': '’', '«': '»'}[quote]
	}
	for i := size; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		i += n
		switch {
		case r == '\\' && quote == '"' && i < len(text):
			i++
		case r == closing:
			if after, _ := utf8.DecodeRuneInString(text[i:]); quote != '\'' || !unicode.IsLetter(after) {
				return i
			}
		}
	}
	if quote == '"' && len(text) > 2*size { // cut off
		return len(text)
	}
	return 0
}

// bracketedLen returns the length of the IPv6 address in brackets, and of its port,
// that text begins with; 0 for none.
func bracketedLen(text string) int {
	end := strings.IndexByte(text, ']')
	if end < 0 || !strings.Contains(text[:end], ":") || strings.Trim(text[1:end], "0123456789abcdefABCDEF:.%") != "" {
		return 0
	}
	port := text[end+1:]
	rest := strings.TrimLeft(strings.TrimPrefix(port, ":"), "0123456789")
	if len(port)-len(rest) < len(":0") {
		return end + 1
	}
	return len(text) - len(rest)
}

// wordLen returns how long the word is that text begins with. Apostrophes between
// letters belong to it.
func wordLen(text string) int {
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r < utf8.RuneSelf {
			if !endsWord[r] {
				i++
				continue
			}
		} else if r, size = utf8.DecodeRuneInString(text[i:]); !strings.ContainsRune("“”‘«»", r) {
			i += size
			continue
		}
		after, _ := utf8.DecodeRuneInString(text[i+size:])
		switch {
		case r == '\'' && i > 0 && unicode.IsLetter(after):
		case r == '=' && strings.Contains(text[:i], "://"):
		default:
			return i
		}
		i += size
	}
	return len(text)
}

// endsWord are the characters of ASCII that end a word: space and marks.
var endsWord = func() (ends [utf8.RuneSelf]bool) {
	for c := range ' ' + 1 {
		ends[c] = true
	}
	for _, c := range "()[]{}<>,;|=\"'`" {
		ends[c] = true
	}
	return ends
}()

func isQuote(r rune) bool {
	switch r {
	case '"', '\'', '`', '“', '‘', '«':
		return true
	}
	return false
}

// isVariable reports whether a word changes from one error to the next: a number, an
// id, an address, or a path.
func isVariable(word string) bool {
	ascii, dot, sign := true, false, false
	for i := range len(word) {
		switch c := word[i]; {
		case '0' <= c && c <= '9':
			return !fixedWithDigit[strings.ToLower(word)]
		case c >= utf8.RuneSelf:
			ascii = false
		case c == '.':
			dot = true
		case c == '/' || c == ':' || c == '@':
			sign = true
		}
	}
	switch {
	case !ascii && strings.ContainsFunc(word, unicode.IsDigit), ascii && len(word) > maxWord:
		return true
	case sign && (strings.Contains(word, "://") || strings.IndexByte(word, '@') > 0):
		return true
	case len(word) >= 8 && strings.Trim(word, "abcdefABCDEF-") == "": // hexadecimal
		return true
	}
	return (sign || dot) && (isPath(word) || isHost(word))
}

func isPath(word string) bool {
	if len(word) > 1 && (word[0] == '/' || strings.HasPrefix(word, "./") || strings.HasPrefix(word, "../") || strings.HasPrefix(word, "~/") || strings.Contains(word, `:\`)) {
		return true
	}
	dot := strings.LastIndexByte(word, '.')
	return dot > 0 && fileExtensions[strings.ToLower(word[dot+1:])]
}

// isHost reports whether word is the name of a host with a domain.
func isHost(word string) bool {
	dot := strings.LastIndexByte(word, '.')
	if dot <= 0 || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz-.") != "" || strings.Contains(word, "..") {
		return false
	}
	return strings.Count(word, ".") > 1 || topDomains[word[dot+1:]]
}

func set(words string) map[string]bool {
	all := make(map[string]bool)
	for _, word := range strings.Fields(words) {
		all[word] = true
	}
	return all
}

var (
	// fixedWithDigit are words that are no numbers although they have a digit.
	fixedWithDigit = set(`http2 http3 h2 h2c http/1.0 http/1.1 http/1.x http/2 http/2.0 http/3 x509 sha1 sha224 sha256 sha384 sha512 sha-1 sha-256 sha-512
		md4 md5 base32 base58 base64 utf8 utf16 utf-8 utf-16 utf-32 ipv4 ipv6 ip4 ip6 tcp4 tcp6 udp4 udp6 oauth oauth2 ed25519 x25519 rc4 3des crc32 crc64
		int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128 socks4 socks5 pop3 s3 ec2 k8s i18n
		pkcs1 pkcs7 pkcs8 pkcs12 asn1 asn.1 bzip2 lz4 sqlite3 amd64 arm64 x86 p256 p384 p521 p-256 p-384 p-521 iso8601 rfc3339 websocket13`)
	fileExtensions = set(`go txt log json yaml yml toml xml csv ini conf cfg env html tmpl css js md pdf png jpg gif svg zip gz tar tgz tmp bak db sqlite sql
		sock pid lock pem crt key cer sh exe so dll bin dat`)
	topDomains = set(`com org net io dev app cloud local localdomain internal lan svc test example invalid edu gov info biz co de uk eu fr nl ch at jp cn br ru in us ai`)
)
