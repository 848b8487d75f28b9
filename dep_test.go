package ledger

import (
	_ "github.com/coder/websocket"
	_ "github.com/failsafe-go/failsafe-go"
	_ "github.com/felixge/httpsnoop"
	_ "github.com/google/go-cmp/cmp"
	_ "github.com/klauspost/compress/gzip"
	_ "github.com/samber/slog-multi"
	_ "go.uber.org/goleak"
	_ "golang.org/x/time/rate"
	_ "pgregory.net/rapid"
)
