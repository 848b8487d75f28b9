package encode

import (
	"log/slog"
	"slices"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// fullMessageKey is the attribute that has the whole of a message that was cut.
const fullMessageKey = "message_full"

// alwaysIndexed is how many bytes a message may have that fits into the server's
// index beside any type of error: each byte may become three when the text is
// cleaned, and a character takes at most four.
const alwaysIndexed = (wire.MaxIndexed - 4*wire.MaxErrorType) / 3

// mayExceedIndex reports whether the server may not be able to index r's message.
func mayExceedIndex(r *slog.Record) bool {
	return len(r.Message) > alwaysIndexed && wire.LevelOf(r.Level) >= wire.Error
}

// indexMessage cuts the message of the entry that begins at start to what the server
// can index beside the type of its error, and has the whole as an attribute. The
// attributes begin at attrs; it returns where they begin now.
func (w *walk) indexMessage(start, attrs int, r *slog.Record, errorType string) int {
	whole := jsontext.Clean(r.Message)
	limit := wire.MaxIndexed - len(jsontext.Clean(errorType))
	if len(whole) <= limit {
		return attrs
	}
	head := w.f.Begin(nil, r.Level, jsontext.CutBytes(whole, limit))
	begins := len(head)
	head = w.f.AppendAttr(head, fullMessageKey, slog.StringValue(whole), true)
	w.b = slices.Replace(w.b, start, attrs, head...)
	return start + begins
}
