// Worker runs background jobs: every record of a job has its id, errors have a
// stack, and a panic costs one job instead of the process. The options suit
// programs with few records.
//
// Jobs are lines of JSON on standard input, in place of your queue:
//
//	echo '{"id": 1, "prices": [9.5, 20]}' |
//		LEDGER_API_KEY=ledger_… LEDGER_BASE_URL=https://ledger.example.com go run .
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/ledger-sdk/ledger-go"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	ledgerHandler, err := ledger.NewHandler(&ledger.Options{
		Service:       "billing",
		FlushInterval: 30 * time.Second, // nobody watches jobs by the second; fewer requests
		MaxBufferSize: 1000,
		HTTPPoolSize:  1,
	})
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewMultiHandler(slog.NewTextHandler(os.Stdout, nil), ledgerHandler))

	logger.Info("worker started")
	err = work(ctx, logger, os.Stdin)
	if err != nil {
		logger.Error("worker failed", "error", err)
	}
	logger.Info("worker stopped")

	// Shut logging down last. Twenty seconds are within the thirty that
	// Kubernetes gives a pod by default.
	deadline, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return errors.Join(err, ledgerHandler.Shutdown(deadline))
}

// A job is an order to total.
type job struct {
	ID     int       `json:"id"`
	Prices []float64 `json:"prices"`
}

// work runs the jobs from queue, two at a time, until there are no more or ctx
// ends. It returns when those in progress are done.
func work(ctx context.Context, logger *slog.Logger, queue io.Reader) error {
	jobs := make(chan job)
	failed := make(chan error, 1)
	go func() {
		failed <- receive(ctx, queue, jobs)
		close(jobs)
	}()
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for {
				select {
				case j, ok := <-jobs:
					if !ok {
						return
					}
					do(ctx, logger.With("job_id", j.ID), j)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	workers.Wait()
	select {
	case err := <-failed:
		return err
	default: // receive still waits for its next line
		return nil
	}
}

// receive reads jobs until the end of the queue, or until ctx ends.
func receive(ctx context.Context, queue io.Reader, jobs chan<- job) error {
	decoder := json.NewDecoder(queue)
	for {
		var j job
		switch err := decoder.Decode(&j); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read job: %w", err)
		}
		select {
		case jobs <- j:
		case <-ctx.Done():
			return nil
		}
	}
}

// do runs one job and logs how it went.
func do(ctx context.Context, logger *slog.Logger, j job) {
	began := time.Now()
	logger.InfoContext(ctx, "job started")
	if err := protect(func() error { return process(j) }); err != nil {
		logger.ErrorContext(ctx, "job failed", "error", err, "took", time.Since(began))
		return
	}
	logger.InfoContext(ctx, "job done", "took", time.Since(began))
}

var errNegative = errors.New("negative price")

func process(j job) error {
	total, highest := 0.0, j.Prices[0] // a bug: without prices this panics
	for _, price := range j.Prices {
		if price < 0 {
			return fmt.Errorf("total %d prices: %w", len(j.Prices), errNegative)
		}
		total, highest = total+price, max(highest, price)
	}
	return nil
}

// protect turns a panic of f into an error that knows where it happened.
func protect(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			stack := make([]uintptr, 32)
			err = &panicError{value: value, stack: stack[:runtime.Callers(2, stack)]}
		}
	}()
	return f()
}

// A panicError is a panic as an error. The handler takes the stack from an error
// that has Callers; for others it takes the stack of the log call.
type panicError struct {
	value any
	stack []uintptr
}

func (p *panicError) Error() string      { return fmt.Sprint("panic: ", p.value) }
func (p *panicError) Callers() []uintptr { return p.stack }
