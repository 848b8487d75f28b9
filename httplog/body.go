package httplog

import (
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// An errorBody keeps the beginning of the body of an error, when it is text.
type errorBody struct {
	limit   int // in bytes, more than 0
	kept    []byte
	decided bool // whether it is text
	done    bool // nothing more is wanted
}

// sniffLen is how many bytes [http.DetectContentType] looks at.
const sniffLen = 512

// wanted returns how many bytes more are to be kept.
func (b *errorBody) wanted() int {
	if b.done {
		return 0
	}
	return b.limit - len(b.kept)
}

// keep keeps what of p the limit allows.
func (b *errorBody) keep(header http.Header, p []byte) {
	if len(p) == 0 || b.done {
		return
	}
	if !b.decided {
		b.decided = true
		if b.done = !isText(header, p); b.done {
			return
		}
	}
	b.kept = append(b.kept, p[:min(len(p), b.wanted())]...)
	b.done = len(b.kept) >= b.limit
}

// String returns what was kept as valid UTF-8. A character that the limit cuts
// is left out. A nil errorBody is "".
func (b *errorBody) String() string {
	if b == nil {
		return ""
	}
	kept := b.kept
	if b.done {
		kept = kept[:len(kept)-incomplete(kept)]
	}
	return strings.ToValidUTF8(string(kept), "?") // not longer than what it replaces
}

// isText reports whether a body that begins with p is text, by its header, or
// by what it looks like when the header does not say.
func isText(header http.Header, p []byte) bool {
	if encoding := header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return false
	}
	contentType := header.Get("Content-Type")
	if contentType == "" {
		contentType = http.DetectContentType(p)
	}
	// A malformed parameter does not matter.
	mediaType, _, _ := mime.ParseMediaType(contentType)
	if mediaType == "" {
		mediaType, _, _ = strings.Cut(contentType, ";")
		mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	}
	if strings.HasPrefix(mediaType, "text/") || strings.HasSuffix(mediaType, "+json") || strings.HasSuffix(mediaType, "+xml") {
		return true
	}
	switch mediaType {
	case "application/json", "application/xml", "application/x-ndjson", "application/javascript",
		"application/yaml", "application/x-www-form-urlencoded":
		return true
	}
	return false
}

// incomplete returns the number of bytes at the end of b that begin a character
// without ending it.
func incomplete(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if tail := b[len(b)-n:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return n
			}
			return 0
		}
	}
	return 0
}

// cutText cuts s at a character to at most limit bytes.
func cutText(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	s = s[:limit]
	return s[:len(s)-incomplete([]byte(s[max(0, limit-utf8.UTFMax):]))]
}
