package ledger

import (
	"strings"
	"testing"
)

func FuzzCrash(f *testing.F) {
	f.Add("panic: boom [recovered, repanicked]\n\ngoroutine 1 [running]:\nmain.f({0x1, 0x2})\n\t/src/main.go:10 +0x1d\nmain.main()\n\t/src/main.go:6 +0x18\n")
	f.Add("delivered: panic: boom\npanic: boom\n\ngoroutine 1 [running]:\n")
	f.Add("goroutine 8 [running]:\nsync.fatal({0x1})\n\t/go/src/runtime/panic.go:1191 +0x18\n")
	f.Fuzz(func(t *testing.T, text string) {
		c := parseCrash([]byte(text))
		if c == nil {
			return
		}
		if c.message == "" || len(c.frames) > maxFrames || strings.Contains(c.message, "\n") {
			t.Errorf("%+v", c)
		}
		_ = stackText(c, 0) // must not panic
	})
}
