package ledger_test

import (
	"context"
	"encoding/json"
	"errors"
	"expvar"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// The examples log to a server on loopback; a program of yours leaves APIKey and
// BaseURL to LEDGER_API_KEY and LEDGER_BASE_URL.
func Example() {
	srv := ledgertest.NewServer()
	defer srv.Close()

	handler, err := ledger.NewHandler(&ledger.Options{APIKey: ledgertest.APIKey, BaseURL: srv.URL})
	if err != nil {
		panic(err)
	}
	logger := slog.New(handler) // slog.SetDefault(logger)
	logger.Info("user logged in", "user_id", 123)
	logger.Error("payment failed", "error", fmt.Errorf("read card: %w", fs.ErrPermission))

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	fmt.Println("shutdown:", handler.Shutdown(ctx))

	for _, e := range srv.Entries() {
		fmt.Printf("%s %s %q %q\n", e.Level, e.LogType, e.Message, e.ErrorMessage)
	}
	// Output:
	// shutdown: <nil>
	// info logger "user logged in" ""
	// error exception "payment failed" "read card: permission denied"
}

// newExample returns a handler that logs to srv, and a function to end it.
func newExample(srv *ledgertest.Server, opts ledger.Options) (*ledger.Handler, func()) {
	opts.APIKey, opts.BaseURL = ledgertest.APIKey, srv.URL
	opts.Diagnostics = slog.DiscardHandler
	handler, err := ledger.NewHandler(&opts)
	if err != nil {
		panic(err)
	}
	return handler, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = handler.Shutdown(ctx)
		srv.Close()
	}
}

// Every fault is reported at once, with its field and its variable.
func ExampleNewHandler() {
	_, err := ledger.NewHandler(&ledger.Options{
		APIKey:    "not-a-key",
		BaseURL:   "ledger.example.com",
		FlushSize: 5000,
	})
	fmt.Println(err)
	// Output:
	// ledger: APIKey (LEDGER_API_KEY): must begin "ldg_" or "ledger_"
	// ledger: BaseURL (LEDGER_BASE_URL): must begin with http:// or https://, such as http://localhost:8000
	// ledger: FlushSize (LEDGER_FLUSH_SIZE): 5000, at most 1000 (the server's limit)
}

// A *slog.LevelVar changes the level while the program runs.
func ExampleOptions() {
	level := new(slog.LevelVar) // Info
	srv := ledgertest.NewServer()
	handler, end := newExample(srv, ledger.Options{
		Service:     "orders",
		Environment: "production",
		Level:       level,
		RedactKeys:  []string{"iban"},
	})
	logger := slog.New(handler)
	logger.Debug("not logged")
	level.Set(slog.LevelDebug)
	logger.Debug("logged", "iban", "DE02120300000000202051")
	end()

	for _, e := range srv.Entries() {
		fmt.Println(e.Environment, e.Attributes["service"], e.Message, e.Attributes["iban"])
	}
	// Output: production orders logged [redacted]
}

// Attrs out of the context of a log call are at the root, whatever groups are
// open.
func ExampleOptions_contextAttrs() {
	type tenantKey struct{}
	srv := ledgertest.NewServer()
	handler, end := newExample(srv, ledger.Options{
		ContextAttrs: func(ctx context.Context) []slog.Attr {
			if tenant, ok := ctx.Value(tenantKey{}).(string); ok {
				return []slog.Attr{slog.String("tenant", tenant)}
			}
			return nil
		},
	})
	ctx := context.WithValue(context.Background(), tenantKey{}, "acme")
	slog.New(handler).WithGroup("cart").InfoContext(ctx, "checked out", "items", 3)
	end()

	attributes, _ := json.Marshal(srv.Entries()[0].Attributes)
	fmt.Printf("%s\n", attributes)
	// Output: {"cart":{"items":3},"tenant":"acme"}
}

func ExampleErrClosed() {
	srv := ledgertest.NewServer()
	handler, end := newExample(srv, ledger.Options{})
	end()

	err := handler.Handle(context.Background(), slog.NewRecord(time.Now(), slog.LevelInfo, "late", 0))
	fmt.Println(errors.Is(err, ledger.ErrClosed), handler.Metrics().Buffer.Dropped["closed"])
	// Output: true 1
}

func ExampleLevelCritical() {
	srv := ledgertest.NewServer()
	handler, end := newExample(srv, ledger.Options{})
	slog.New(handler).Log(context.Background(), ledger.LevelCritical, "out of disk")
	end()

	e := srv.Entries()[0]
	fmt.Println(e.Level, e.Importance, e.Message)
	// Output: critical critical out of disk
}

// A panic is delivered before it ends the program.
func ExampleRecoverAndFlush() {
	srv := ledgertest.NewServer()
	handler, end := newExample(srv, ledger.Options{})
	defer end()

	main := func() {
		defer ledger.RecoverAndFlush(handler, 2*time.Second)
		panic("index out of reach")
	}
	func() {
		defer func() { fmt.Println("goes on:", recover()) }()
		main()
	}()
	e := srv.Entries()[0]
	fmt.Println(e.Level, e.LogType, e.Message)
	// Output:
	// goes on: index out of reach
	// critical exception panic: index out of reach
}

// Attrs of With are encoded once, and siblings share nothing.
func ExampleHandler_WithAttrs() {
	srv := ledgertest.NewServer()
	handler, end := newExample(srv, ledger.Options{})
	request := slog.New(handler.WithAttrs([]slog.Attr{slog.String("request_id", "r-1")}))
	request.With("step", 1).Info("reading")
	request.With("step", 2).Info("writing")
	end()

	for _, e := range srv.Entries() {
		fmt.Println(e.Message, e.Attributes["request_id"], e.Attributes["step"])
	}
	// Output:
	// reading r-1 1
	// writing r-1 2
}

func ExampleHandler_WithGroup() {
	srv := ledgertest.NewServer()
	handler, end := newExample(srv, ledger.Options{})
	slog.New(handler.WithGroup("db")).Info("query", "table", "users", "rows", 3)
	end()

	attributes, _ := json.Marshal(srv.Entries()[0].Attributes)
	fmt.Printf("%s\n", attributes)
	// Output: {"db":{"rows":3,"table":"users"}}
}

// Flush is for functions that are frozen between calls, and for tests.
func ExampleHandler_Flush() {
	srv := ledgertest.NewServer()
	handler, end := newExample(srv, ledger.Options{})
	defer end()
	slog.New(handler).Info("order placed")

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	fmt.Println(handler.Flush(ctx), len(srv.Entries()))
	// Output: <nil> 1
}

// Shutdown ends by its deadline, whatever the server does, and says what is left.
func ExampleHandler_Shutdown() {
	srv := ledgertest.NewServer()
	handler, end := newExample(srv, ledger.Options{})
	defer end()
	srv.Always(ledgertest.Hang())
	slog.New(handler).Info("never answered")

	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	err := handler.Shutdown(ctx)
	fmt.Println(err)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output:
	// ledger: shutdown: 1 entries dropped, the server has not answered yet: context deadline exceeded
	// true
}

func ExampleHandler_Status() {
	srv := ledgertest.NewServer(ledgertest.WithAPIKeys("ledger_another"))
	handler, end := newExample(srv, ledger.Options{BreakerDelay: 50 * time.Millisecond})
	slog.New(handler).Info("held until the key is accepted")

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	go func() { _ = handler.Flush(ctx) }()
	for handler.Status().Healthy {
		time.Sleep(time.Millisecond)
	}
	st := handler.Status()
	fmt.Println(st.Status)
	for _, issue := range st.Issues {
		fmt.Println("-", issue)
	}
	srv.SetAPIKeys(ledgertest.APIKey)
	end()
	fmt.Println(handler.Status().Status, len(srv.Entries()))
	// Output:
	// unhealthy
	// - the server refuses the API key: entries are held until it is accepted
	// healthy 1
}

// Whatever becomes of an entry is counted, and it always adds up.
func ExampleHandler_Metrics() {
	srv := ledgertest.NewServer()
	handler, end := newExample(srv, ledger.Options{})
	srv.Always(ledgertest.RejectWhere(func(e ledgertest.Entry) bool { return e.Message == "odd" }))
	logger := slog.New(handler)
	logger.Info("even")
	logger.Info("odd")
	end()

	m := handler.Metrics()
	fmt.Println(m.Flusher.TotalLogged, "logged")
	fmt.Println(m.Flusher.TotalLogsSent, "delivered")
	fmt.Println(m.Buffer.Dropped["rejected"], "rejected by the server")
	// Output:
	// 2 logged
	// 1 delivered
	// 1 rejected by the server
}

// With expvar the metrics are at /debug/vars, among the program's other
// variables. The package does not do that itself, because importing expvar adds
// that path to [http.DefaultServeMux].
func ExampleHandler_Metrics_expvar() {
	srv := ledgertest.NewServer()
	handler, end := newExample(srv, ledger.Options{})
	defer end()
	if expvar.Get("ledger") == nil { // Publish panics when a name is taken
		expvar.Publish("ledger", expvar.Func(func() any { return handler.Metrics() }))
	}

	var m ledger.Metrics
	err := json.Unmarshal([]byte(expvar.Get("ledger").String()), &m)
	fmt.Println(err, m.Buffer.MaxSize)
	// Output: <nil> 10000
}

func ExampleHandler_HealthHandler() {
	srv := ledgertest.NewServer()
	handler, end := newExample(srv, ledger.Options{})
	defer end()
	mux := http.NewServeMux()
	mux.Handle("GET /sdk/health", handler.HealthHandler())

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/sdk/health", nil))
	fmt.Print(w.Code, " ", w.Body)
	// Output: 200 {"status":"healthy","healthy":true,"issues":null,"buffer_utilization_percent":0,"circuit_breaker_open":false,"consecutive_failures":0}
}

func ExampleHandler_MetricsHandler() {
	srv := ledgertest.NewServer()
	handler, end := newExample(srv, ledger.Options{})
	defer end()
	mux := http.NewServeMux()
	mux.Handle("GET /sdk/metrics", handler.MetricsHandler())

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/sdk/metrics", nil))
	for _, section := range []string{"sdk", "buffer", "flusher", "rate_limiter", "errors"} {
		fmt.Println(section, strings.Contains(w.Body.String(), `"`+section+`":`))
	}
	// Output:
	// sdk true
	// buffer true
	// flusher true
	// rate_limiter true
	// errors true
}

// Err names an error as most logs do, and writes nothing for nil.
func ExampleErr() {
	srv := ledgertest.NewServer()
	handler, end := newExample(srv, ledger.Options{})
	logger := slog.New(handler)
	logger.Error("payment failed", ledger.Err(fmt.Errorf("order %d: %w", 17, errors.New("card declined"))))
	logger.Info("payment done", ledger.Err(nil))
	end()

	for _, e := range srv.Entries() {
		fmt.Printf("%s %q %q %d\n", e.LogType, e.ErrorType, e.ErrorMessage, len(e.Attributes))
	}
	// Output:
	// exception "card declined" "order 17: card declined" 1
	// logger "" "" 0
}

// Attrs given to a context are on every record that is logged with it.
func ExampleWith() {
	srv := ledgertest.NewServer()
	handler, end := newExample(srv, ledger.Options{ContextAttrs: ledger.ContextAttrs})
	logger := slog.New(handler)

	ctx := ledger.With(context.Background(), slog.String("tenant", "acme"), slog.Int("try", 1))
	logger.InfoContext(ctx, "import started")
	logger.WithGroup("file").InfoContext(ledger.With(ctx, slog.Int("try", 2)), "file read", "lines", 120)
	end()

	for _, e := range srv.Entries() {
		attributes, _ := json.Marshal(e.Attributes)
		fmt.Printf("%s %s\n", e.Message, attributes)
	}
	// Output:
	// import started {"tenant":"acme","try":1}
	// file read {"file":{"lines":120},"tenant":"acme","try":2}
}

// ContextAttrs may be one of several functions that know a context.
func ExampleContextAttrs() {
	type userKey struct{}
	srv := ledgertest.NewServer()
	handler, end := newExample(srv, ledger.Options{
		ContextAttrs: func(ctx context.Context) []slog.Attr {
			attrs := slices.Clone(ledger.ContextAttrs(ctx))
			if user, ok := ctx.Value(userKey{}).(string); ok {
				attrs = append(attrs, slog.String("user", user))
			}
			return attrs
		},
	})
	ctx := context.WithValue(ledger.With(context.Background(), slog.String("tenant", "acme")), userKey{}, "ann")
	slog.New(handler).InfoContext(ctx, "signed in")
	end()

	fmt.Println(srv.Entries()[0].Attributes)
	// Output: map[tenant:acme user:ann]
}

// The level can be changed while the program runs, here from Info to Debug.
func ExampleLevelHandler() {
	level := new(slog.LevelVar)
	mux := http.NewServeMux()
	mux.Handle("/loglevel", ledger.LevelHandler(level)) // where only operators come

	for _, r := range []*http.Request{
		httptest.NewRequest(http.MethodGet, "/loglevel", nil),
		httptest.NewRequest(http.MethodPut, "/loglevel", strings.NewReader(`{"level":"DEBUG"}`)),
		httptest.NewRequest(http.MethodPut, "/loglevel", strings.NewReader(`{"level":"loud"}`)),
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body)
	}
	fmt.Println(level)
	// Output:
	// 200 {"level":"INFO"}
	// 200 {"level":"DEBUG"}
	// 400 {"error":"\"loud\" is not a level: want a name such as INFO or WARN+2"}
	// LevelVar(DEBUG)
}
