package main

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/httplog"
	"github.com/ledger-sdk/ledger-go/ledgerview"
)

// A demo is a made-up shop and a worker beside it, which log to a viewer in the same process.
type demo struct {
	api, worker *ledger.Handler
	shop        *shop
	handler     http.Handler
	log         *slog.Logger // the worker's
	began       time.Time
}

// newDemo makes the shop and its handlers; nothing runs yet.
func newDemo(v *ledgerview.Viewer) (*demo, error) {
	handler := func(service string) (*ledger.Handler, error) {
		return ledger.NewHandler(&ledger.Options{
			HTTPTransport: v, BaseURL: "http://127.0.0.1:8000", APIKey: ledgerview.APIKey, Protocol: ledger.ProtocolLedger,
			Service: service, Environment: "demo", Release: "v1.8.2", Level: slog.LevelDebug,
			FlushInterval: 200 * time.Millisecond, RetryBackoff: time.Second, NetworkBackoff: time.Second, BreakerDelay: 2 * time.Second,
			ContextAttrs: httplog.ContextAttrs, Diagnostics: slog.DiscardHandler,
		})
	}
	api, errAPI := handler("shop-api")
	worker, errWorker := handler("notifier")
	if err := errors.Join(errAPI, errWorker); err != nil {
		return nil, err
	}
	d := &demo{api: api, worker: worker, log: slog.New(worker), began: time.Now()}
	d.shop = &shop{log: slog.New(api), down: d.outage}
	d.handler = httplog.Middleware(d.shop.log, nil)(d.shop.routes())
	return d, nil
}

const (
	outageEvery = time.Minute
	outageLasts = 8 * time.Second
)

// outage reports whether the shop's cache is down: for a while at the end of each minute.
func (d *demo) outage() bool { return time.Since(d.began)%outageEvery > outageEvery-outageLasts }

// run makes traffic until ctx ends.
func (d *demo) run(ctx context.Context) {
	var requests sync.WaitGroup
	defer func() {
		requests.Wait()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = d.api.Shutdown(last) // the viewer may be gone
		_ = d.worker.Shutdown(last)
	}()
	d.shop.log.Info("starting", "version", "v1.8.2", "pid", 48102)
	d.shop.log.Debug("config loaded", "file", "shop.toml", "dsn", "postgres://shop:hunter2@localhost/shop", slog.Group("db", "password", "hunter2", "pool", 12))
	d.shop.log.Info("listening", "addr", "127.0.0.1:8080")
	d.log.Info("starting", "queues", []string{"receipts", "newsletters"})
	wasDown := false
	for ctx.Err() == nil {
		if down := d.outage(); down != wasDown {
			wasDown = down
			if down {
				d.shop.log.Warn("redis: connection lost", "addr", "127.0.0.1:6379", "retry_in", time.Second)
			} else {
				d.shop.log.Info("redis: connected", "addr", "127.0.0.1:6379", "down_for", outageLasts)
			}
		}
		requests.Go(func() { d.request(ctx) })
		if rand.IntN(4) == 0 {
			d.work()
		}
		sleep(ctx, time.Duration(20+rand.ExpFloat64()*220)*time.Millisecond)
	}
}

// traffic is what customers ask for, and how often.
var traffic = []struct {
	weight       int
	method, path string
}{
	{28, "GET", "/products/#"}, {20, "GET", "/cart"}, {12, "GET", "/search?q=black+tee&token=secret"}, {9, "POST", "/orders"}, {7, "POST", "/payments"},
	{6, "GET", "/users/#"}, {5, "GET", "/reports/monthly"}, {5, "POST", "/login"}, {4, "GET", "/images/#.png"}, {2, "GET", "/recommendations/#"},
}

// request lets one customer ask for one thing.
func (d *demo) request(ctx context.Context) {
	total := 0
	for _, t := range traffic {
		total += t.weight
	}
	pick := rand.IntN(total)
	for _, t := range traffic {
		if pick -= t.weight; pick >= 0 {
			continue
		}
		path := strings.Replace(t.path, "#", strconv.Itoa(1+rand.IntN(500)), 1)
		r, err := http.NewRequestWithContext(ctx, t.method, "http://shop.example"+path, http.NoBody)
		if err != nil {
			return // cannot be: paths are constants
		}
		r.RequestURI, r.RemoteAddr = r.URL.RequestURI(), "192.0.2.7:52110"
		r.Header.Set("User-Agent", "Mozilla/5.0 (demo)")
		r.Header.Set("traceparent", "00-"+hex(32)+"-"+hex(16)+"-01")
		defer func() { _ = recover() }() // as net/http's server does; httplog has logged it
		d.handler.ServeHTTP(&discard{header: http.Header{}}, r)
		return
	}
}

// work lets the worker do one of its jobs.
func (d *demo) work() {
	switch rand.IntN(8) {
	case 0:
		d.log.Error("send receipt failed", failure(sendReceipt("customer@example.com")), "attempt", 3)
	case 1:
		d.log.Warn("mail server busy, will try again", "attempt", 1, "backoff", 2*time.Second, "host", "mail.example:587")
	case 2, 3, 4:
		d.log.Debug("poll", "queue", "receipts", "depth", rand.IntN(12))
	default:
		d.log.Info("receipt sent", "order_id", "ord_"+hex(6), "channel", "mail", "duration_ms", 40+rand.IntN(160))
	}
}

// discard is a client that reads nothing of its answer.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}
