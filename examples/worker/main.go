// Worker runs background jobs: an attr per job on everything the job logs,
// errors with their stack, a panic that costs one job and not the process, and
// options for few records at a time.
//
//	go run ./examples/worker
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/examples/internal/demo"
)

func main() { demo.MainJob(run) }

func run(ctx context.Context) error {
	handler, err := ledger.NewHandler(&ledger.Options{
		Service:       "payments-worker",
		FlushInterval: 30 * time.Second, // nobody watches jobs by the second; fewer requests
		MaxBufferSize: 1000,
		HTTPPoolSize:  1,
	})
	if err != nil {
		return err
	}
	work(ctx, slog.New(handler), []int{1, 2, 3, 4})

	// Twenty seconds are within what Kubernetes gives a pod by default (30).
	deadline, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return handler.Shutdown(deadline)
}

// work does the payments, two at a time, until they are done or ctx ends.
func work(ctx context.Context, logger *slog.Logger, payments []int) {
	queue := make(chan int)
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for payment := range queue {
				do(ctx, logger.With("payment_id", payment), payment)
			}
		})
	}
	defer workers.Wait()
	defer close(queue)
	for _, payment := range payments {
		select {
		case queue <- payment:
		case <-ctx.Done():
			return
		}
	}
}

// do runs one job and logs how it went.
func do(ctx context.Context, logger *slog.Logger, payment int) {
	began := time.Now()
	logger.InfoContext(ctx, "job started")
	err := protect(func() error { return process(payment) })
	if err != nil {
		logger.ErrorContext(ctx, "job failed", "error", err, "took", time.Since(began))
		return
	}
	logger.InfoContext(ctx, "job done", "took", time.Since(began))
}

var errDeclined = errors.New("card declined")

func process(payment int) error {
	switch payment {
	case 2:
		return fmt.Errorf("charge payment %d: %w", payment, errDeclined)
	case 3:
		var amounts []int
		_ = amounts[payment]
	}
	return nil
}

// protect turns a panic of job into an error that remembers where it was.
func protect(job func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			stack := make([]uintptr, 32)
			err = &panicked{value: p, stack: stack[:runtime.Callers(2, stack)]}
		}
	}()
	return job()
}

// A panicked is a panic as an error. The handler takes the stack of an error
// that has Callers; others get the stack of the log call.
type panicked struct {
	value any
	stack []uintptr
}

func (p *panicked) Error() string      { return fmt.Sprint("panic: ", p.value) }
func (p *panicked) Callers() []uintptr { return p.stack }
