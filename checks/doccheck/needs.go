//go:build needs

// What the snippets import, so that go.mod has it.

package doccheck

import (
	_ "github.com/gin-gonic/gin"
	_ "github.com/go-chi/chi/v5"
	_ "github.com/go-logr/logr"
	_ "github.com/gorilla/mux"
	_ "github.com/labstack/echo/v5"
	_ "github.com/ledger-sdk/ledger-go"
	_ "github.com/ledger-sdk/ledger-go/ledgerotel"
	_ "github.com/ledger-sdk/ledger-go/ledgerprom"
	_ "github.com/prometheus/client_golang/prometheus"
	_ "github.com/prometheus/client_golang/prometheus/promhttp"
	_ "github.com/rs/zerolog"
	_ "github.com/samber/slog-multi"
	_ "github.com/samber/slog-sampling"
	_ "github.com/samber/slog-sampling/buffer"
	_ "go.opentelemetry.io/contrib/bridges/otelslog"
	_ "go.opentelemetry.io/otel"
	_ "go.uber.org/zap"
	_ "go.uber.org/zap/exp/zapslog"
)
