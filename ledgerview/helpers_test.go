package ledgerview

import (
	"context"
	"testing"
)

// contextEnded is a context that has ended.
func contextEnded(t *testing.T) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx, cancel
}
