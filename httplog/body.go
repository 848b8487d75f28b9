package httplog

import (
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// A keptBody is the beginning of a body, when it is text.
type keptBody struct {
	limit   int // in bytes, more than 0
	kept    []byte
	decided bool // whether it is text
	done    bool // nothing more is wanted
}

// sniffLen is how many bytes [http.DetectContentType] looks at.
const sniffLen = 512

// wanted returns how many bytes more are to be kept.
func (b *keptBody) wanted() int {
	if b.done {
		return 0
	}
	return b.limit - len(b.kept)
}

// keep keeps what of p the limit allows. header is that of the body.
func (b *keptBody) keep(header http.Header, p []byte) {
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
// is left out. A nil keptBody is "".
func (b *keptBody) String() string {
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
	mediaType := mediaTypeOf(contentType)
	if strings.HasPrefix(mediaType, "text/") || strings.HasSuffix(mediaType, "+json") || strings.HasSuffix(mediaType, "+xml") {
		return true
	}
	switch mediaType {
	case "application/json", "application/xml", "application/x-ndjson", "application/javascript", "application/yaml", formType:
		return true
	}
	return false
}

const formType = "application/x-www-form-urlencoded"

// mediaTypeOf returns the type without its parameters, in lower case. It does
// not matter whether they are well formed.
func mediaTypeOf(contentType string) string {
	mediaType, _, _ := mime.ParseMediaType(contentType)
	if mediaType == "" {
		mediaType, _, _ = strings.Cut(contentType, ";")
		mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	}
	return mediaType
}

// A requestBody counts what the handler reads of a request's body and keeps the
// beginning. It reads nothing by itself. The handler may leave a goroutine
// behind that goes on reading, as a reverse proxy does.
type requestBody struct {
	io.ReadCloser
	header http.Header
	count  atomic.Int64
	keeps  bool
	mu     sync.Mutex
	begin  keptBody
}

// watchesBody reports whether the body is to be watched: to keep the beginning,
// or to count the bytes where the client does not tell their number.
func (m *middleware) watchesBody(r *http.Request) bool {
	if r.Body == nil || r.Body == http.NoBody {
		return false
	}
	return m.opts.RequestBodyLimit > 0 || r.ContentLength < 0 && m.opts.Omit&RequestBytes == 0
}

// watchBody lets the handler read through a requestBody that keeps up to limit
// bytes.
func (x *exchange) watchBody(limit int) {
	x.body = &requestBody{
		ReadCloser: x.received.Body,
		header:     x.received.Header,
		keeps:      limit > 0,
		begin:      keptBody{limit: limit},
	}
	x.passed.Body = x.body
}

func (b *requestBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n <= 0 || n > len(p) {
		return n, err
	}
	b.count.Add(int64(n))
	if b.keeps {
		b.mu.Lock()
		b.begin.keep(b.header, p[:n])
		b.mu.Unlock()
	}
	return n, err
}

// text returns what was kept, with the values of parameters masked that are not
// safe. A nil requestBody is "".
func (b *requestBody) text(safe func(string) bool) string {
	if b == nil || !b.keeps {
		return ""
	}
	b.mu.Lock()
	text := b.begin.String()
	b.mu.Unlock()
	if begin := strings.TrimLeft(text, " \t\r\n"); strings.HasPrefix(begin, "{") || strings.HasPrefix(begin, "[") {
		return maskJSON(text, safe)
	}
	if mediaTypeOf(b.header.Get("Content-Type")) == formType {
		return maskQuery(text, len(text), safe)
	}
	return text
}

// requestBytes returns the length of the request's body: what the client says,
// or how much was read when it does not say.
func (x *exchange) requestBytes() int64 {
	if n := x.received.ContentLength; n >= 0 {
		return n
	}
	if x.body == nil {
		return 0
	}
	return x.body.count.Load()
}
