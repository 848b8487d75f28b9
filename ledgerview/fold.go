package ledgerview

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A needle is a text that is looked for without regard to case.
type needle struct {
	lower string
	ascii bool
	rare  int // where in lower the byte stands that texts seldom hold
}

func newNeedle(text string) needle {
	n := needle{lower: strings.ToLower(text), ascii: true}
	for i := 0; i < len(n.lower); i++ {
		n.ascii = n.ascii && n.lower[i] < utf8.RuneSelf
		if commonness(n.lower[i]) < commonness(n.lower[n.rare]) {
			n.rare = i
		}
	}
	return n
}

// commonBytes are the most frequent bytes of logs, by falling frequency: letters of English, digits, JSON.
const commonBytes = `e"taoinsrlcdumph,:0123f_g4.56789/wbyv-{}kxjqz`

func commonness(c byte) int {
	if i := strings.IndexByte(commonBytes, c); i >= 0 {
		return len(commonBytes) - i
	}
	return 0
}

// in reports whether text holds the needle.
func (n *needle) in(text []byte) bool {
	if len(n.lower) == 0 {
		return true
	}
	if !n.ascii {
		return n.inUnicode(text)
	}
	size := len(n.lower)
	if len(text) < size {
		return false
	}
	// The rare byte may stand in window; look for both of its cases, and compare around each.
	window := text[n.rare : len(text)-(size-1-n.rare)]
	lower := n.lower[n.rare]
	upper := lower
	if 'a' <= lower && lower <= 'z' {
		upper -= 'a' - 'A'
	}
	next := func(c byte, from int) int {
		if i := bytes.IndexByte(window[from:], c); i >= 0 {
			return from + i
		}
		return len(window)
	}
	low, up := next(lower, 0), len(window)
	if upper != lower {
		up = next(upper, 0)
	}
	for {
		at := min(low, up)
		if at == len(window) {
			return false
		}
		if equalFoldASCII(text[at:at+size], n.lower) {
			return true
		}
		if at == low {
			low = next(lower, at+1)
		} else {
			up = next(upper, at+1)
		}
	}
}

// equalFoldASCII compares texts of one length, the second of them in lower case.
func equalFoldASCII(text []byte, lower string) bool {
	for i, c := range text {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func (n *needle) inUnicode(text []byte) bool {
	for len(text) > 0 {
		if _, ok := cutFold(text, n.lower); ok {
			return true
		}
		_, size := utf8.DecodeRune(text)
		text = text[size:]
	}
	return false
}

// cutFold takes lower, which is in lower case, from the beginning of text, in any case.
func cutFold(text []byte, lower string) (rest []byte, ok bool) {
	for _, want := range lower {
		r, size := utf8.DecodeRune(text)
		if size == 0 || unicode.ToLower(r) != want {
			return nil, false
		}
		text = text[size:]
	}
	return text, true
}

// equalFold compares text with what is in lower case already.
func equalFold(text []byte, lower string) bool {
	rest, ok := cutFold(text, lower)
	return ok && len(rest) == 0
}

// A pattern is a text with asterisks, each of which stands for anything, in lower case.
type pattern []needle

func newPattern(text string) pattern {
	var p pattern
	for part := range strings.SplitSeq(text, "*") {
		p = append(p, newNeedle(part))
	}
	return p
}

// matches reports whether the pattern covers all of text.
func (p pattern) matches(text []byte) bool {
	rest, ok := cutFold(text, p[0].lower)
	if !ok {
		return false
	}
	for i := 1; i < len(p); i++ {
		if i == len(p)-1 {
			return endsFold(rest, p[i].lower)
		}
		if rest, ok = p[i].cut(rest); !ok {
			return false
		}
	}
	return len(rest) == 0
}

// cut returns what follows the needle's first place in text.
func (n *needle) cut(text []byte) ([]byte, bool) {
	if n.lower == "" {
		return text, true
	}
	if !n.in(text) {
		return nil, false
	}
	for len(text) > 0 {
		if rest, ok := cutFold(text, n.lower); ok {
			return rest, true
		}
		_, size := utf8.DecodeRune(text)
		text = text[size:]
	}
	return nil, false
}

// endsFold reports whether text ends in lower, in any case.
func endsFold(text []byte, lower string) bool {
	runes := utf8.RuneCountInString(lower)
	at := len(text)
	for ; runes > 0 && at > 0; runes-- {
		_, size := utf8.DecodeLastRune(text[:at])
		at -= size
	}
	return runes == 0 && equalFold(text[at:], lower)
}
