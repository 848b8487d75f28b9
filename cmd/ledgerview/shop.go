package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"syscall"
	"time"
)

// A shop is the service that -demo shows: its requests are of all kinds that a service has.
type shop struct {
	log  *slog.Logger
	down func() bool // whether the cache is
}

func (s *shop) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /products/{id}", s.product)
	mux.HandleFunc("GET /cart", s.cart)
	mux.HandleFunc("GET /search", s.search)
	mux.HandleFunc("POST /orders", s.createOrder)
	mux.HandleFunc("POST /payments", s.pay)
	mux.HandleFunc("GET /users/{id}", s.user)
	mux.HandleFunc("GET /reports/monthly", s.report)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("GET /recommendations/{id}", s.recommend)
	return mux
}

// take lets a request take its time: about typical, now and then much longer.
func take(r *http.Request, typical time.Duration) {
	d := time.Duration((0.5 + rand.ExpFloat64()/2) * float64(typical))
	sleep(r.Context(), d)
}

func (s *shop) product(w http.ResponseWriter, r *http.Request) {
	take(r, 6*time.Millisecond)
	s.log.DebugContext(r.Context(), "product loaded", "sku", "TEE-"+r.PathValue("id"), "cache", rand.IntN(3) > 0)
	fmt.Fprintln(w, `{"sku":"TEE"}`)
}

func (s *shop) cart(w http.ResponseWriter, r *http.Request) {
	take(r, 9*time.Millisecond)
	if err := s.loadSession(hex(8)); err != nil {
		s.log.ErrorContext(r.Context(), "load cart failed", failure(err))
		http.Error(w, "try again later", http.StatusServiceUnavailable)
		return
	}
	s.log.DebugContext(r.Context(), "cart loaded", "items", rand.IntN(6))
}

func (s *shop) loadSession(id string) error {
	if !s.down() {
		return nil
	}
	refused := &net.OpError{
		Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 6379},
		Err: os.NewSyscallError("connect", syscall.ECONNREFUSED),
	}
	return fmt.Errorf("load session %s: %w", id, refused)
}

func (s *shop) search(w http.ResponseWriter, r *http.Request) {
	take(r, 25*time.Millisecond)
	s.log.InfoContext(r.Context(), "search", "query", r.URL.Query().Get("q"), "hits", rand.IntN(200))
	fmt.Fprintln(w, "[]")
}

// A ConflictError is what the database says to an order that is there already.
type conflictError struct {
	Constraint string
	stack      []uintptr
}

func newConflict(constraint string) error {
	pcs := make([]uintptr, 16)
	return &conflictError{constraint, pcs[:runtime.Callers(2, pcs)]}
}

func (e *conflictError) Error() string {
	return fmt.Sprintf("duplicate key value violates unique constraint %q (SQLSTATE 23505)", e.Constraint)
}

// Callers is where package ledger finds the stack.
func (e *conflictError) Callers() []uintptr { return e.stack }

func (s *shop) createOrder(w http.ResponseWriter, r *http.Request) {
	take(r, 30*time.Millisecond)
	id, customer := "ord_"+hex(6), 100+rand.IntN(900)
	s.log.DebugContext(r.Context(), "stock reserved", "order_id", id, "lines", 1+rand.IntN(4))
	take(r, 15*time.Millisecond)
	if err := insertOrder(id); err != nil {
		s.log.ErrorContext(r.Context(), "create order failed", failure(err), slog.Group("customer", "id", customer, "tier", "plus"))
		http.Error(w, "conflict", http.StatusConflict)
		return
	}
	s.log.InfoContext(r.Context(), "order created", "order_id", id, "total_cents", 500+rand.IntN(20000), slog.Group("customer", "id", customer, "tier", "pro"))
	w.WriteHeader(http.StatusCreated)
}

func insertOrder(id string) error {
	if rand.IntN(8) > 0 {
		return nil
	}
	return fmt.Errorf("create order: %w", fmt.Errorf("insert %s: %w", id, newConflict("orders_idempotency_key")))
}

func (s *shop) pay(w http.ResponseWriter, r *http.Request) {
	take(r, 90*time.Millisecond)
	if rand.IntN(10) == 0 {
		err := fmt.Errorf("payment ord_%s: %w", hex(6), fmt.Errorf("charge: Post %q: %w", "https://payments.example/v2/charges", context.DeadlineExceeded))
		s.log.ErrorContext(r.Context(), "payment failed", failure(err), "amount_cents", 4900, "card_token", "tok_"+hex(8))
		http.Error(w, "timeout", http.StatusGatewayTimeout)
		return
	}
	s.log.InfoContext(r.Context(), "payment captured", "amount_cents", 500+rand.IntN(9000), "card_token", "tok_"+hex(8))
}

func (s *shop) user(w http.ResponseWriter, r *http.Request) {
	take(r, 8*time.Millisecond)
	if rand.IntN(4) == 0 {
		s.log.WarnContext(r.Context(), "no such user", "user_id", r.PathValue("id"))
		http.Error(w, "not found", http.StatusNotFound)
	}
}

// report is the slow one.
func (s *shop) report(w http.ResponseWriter, r *http.Request) {
	take(r, 900*time.Millisecond)
	s.log.InfoContext(r.Context(), "report made", "rows", 10000+rand.IntN(9000), "preview", "sku,name,price\nTEE-BLK-M,Tee black M,1900\nMUG-0340,Mug 340 ml,1250")
}

func (s *shop) login(w http.ResponseWriter, r *http.Request) {
	take(r, 45*time.Millisecond)
	if rand.IntN(6) == 0 {
		s.log.WarnContext(r.Context(), "login refused", "email", "someone@example.com", "password", "hunter2", "reason", "wrong password")
		http.Error(w, "unauthorized", http.StatusUnauthorized)
		return
	}
	s.log.InfoContext(r.Context(), "logged in", "email", "someone@example.com", "session_token", hex(16))
}

// recommend has a bug: it panics for some products.
func (s *shop) recommend(w http.ResponseWriter, r *http.Request) {
	take(r, 12*time.Millisecond)
	scores := []float64{0.9, 0.7}
	best := 0
	if rand.IntN(3) == 0 {
		best = len(scores)
	}
	fmt.Fprintln(w, scores[best])
}

// sendReceipt fails in two ways at once.
func sendReceipt(to string) error {
	_, missing := os.ReadFile("templates/receipt.html")
	if missing == nil {
		missing = fs.ErrNotExist
	}
	refused := fmt.Errorf("send plain text to %s: %w", to, errors.New("550 mailbox unavailable"))
	return fmt.Errorf("receipt: %w", errors.Join(missing, refused))
}

func failure(err error) slog.Attr { return slog.Any("error", err) }

func hex(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "0123456789abcdef"[rand.IntN(16)]
	}
	return string(b)
}

// sleep waits, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
