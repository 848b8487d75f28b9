package ledgerview

import (
	"context"
	"encoding/json"
	"runtime"
	"testing"
)

// contextEnded is a context that has ended.
func contextEnded(t *testing.T) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx, cancel
}

// heap is what is held after a collection.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func jsonDecode(b []byte, into any) error { return json.Unmarshal(b, into) }
