package native

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// Head reads what Begin wrote, in the queue and of whole entries, and of other bytes
// nothing.
func TestHeadReadsLevelAndMessage(t *testing.T) {
	f := New(wire.Program{IDPrefix: "id-"})
	for _, message := range []string{"", "hello", "a \"quote\" and a \\", "ends in \\", "é \u2028\n\t", strings.Repeat("x", 124), strings.Repeat("x", 3000)} {
		for _, level := range []slog.Level{-8, slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError, 12, 99} {
			begun := f.Begin(nil, level, message)
			data := f.EndAttrs(begun, len(begun))
			whole := wire.Whole(f, data, wire.Ending{Kinds: wire.Kinds{LogType: wire.TypeLogger, Importance: wire.ImportanceLow}})
			for _, entry := range [][]byte{data, whole, f.Standalone(whole, wire.Origin{Release: "r"})} {
				for _, most := range []int{3, 100, 4000} {
					if l, m := f.Head(entry, most); l != wire.LevelOf(level) || string(m) != message[:min(len(message), most)] {
						t.Errorf("%v %q: read %v %q", level, message, l, m)
					}
				}
			}
		}
	}
	for _, other := range []string{"", "{}", "[", "\x12", "\x12\xff", "*\x05", `{"level":"info","message":"unended`, `{"level":"info","message":`, `{"level":"info","message":"`, `{"level":"info","message":7}`} {
		if _, m := f.Head([]byte(other), 100); len(m) != 0 {
			t.Errorf("%q: read %q", other, m)
		}
	}
}
