// Lambda is an AWS Lambda function. Lambda freezes the process between two
// invocations, so each ends with a Flush; there is no background to rely on.
//
//	go -C examples/lambda run .
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/examples/internal/demo"
)

func main() {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") == "" {
		demo.MainJob(demonstrate)
		return
	}
	handler, err := newHandler()
	if err != nil {
		panic(err) // Lambda logs it and starts the function anew
	}
	// SIGTERM comes only to functions with an extension; the runtime then gives
	// 500 ms. Without one there is nothing left to send here anyway.
	lambda.StartWithOptions(function(handler), lambda.WithEnableSIGTERM(func() {
		deadline, cancel := context.WithTimeout(context.Background(), 400*time.Millisecond)
		defer cancel()
		_ = handler.Shutdown(deadline)
	}))
}

func newHandler() (*ledger.Handler, error) {
	return ledger.NewHandler(&ledger.Options{
		Service:      os.Getenv("AWS_LAMBDA_FUNCTION_NAME"),
		Release:      os.Getenv("AWS_LAMBDA_FUNCTION_VERSION"),
		ContextAttrs: requestID,
		HTTPPoolSize: 1,
		// A round must fit into what an invocation has left.
		HTTPTimeout: 2 * time.Second, MaxRetries: 1,
		RetryBackoff: 200 * time.Millisecond, NetworkBackoff: 200 * time.Millisecond,
	})
}

// requestID ties what an invocation logs together.
func requestID(ctx context.Context) []slog.Attr {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		return []slog.Attr{slog.String("request_id", lc.AwsRequestID)}
	}
	return nil
}

type order struct {
	ID     int     `json:"id"`
	Amount float64 `json:"amount"`
}

// function is what Lambda calls.
func function(handler *ledger.Handler) func(context.Context, order) (string, error) {
	logger := slog.New(handler)
	return func(ctx context.Context, o order) (string, error) {
		defer flush(ctx, handler)
		logger.InfoContext(ctx, "order received", "order", o.ID, "amount", o.Amount)
		if o.Amount < 0 {
			err := errors.New("negative amount")
			logger.ErrorContext(ctx, "order refused", "order", o.ID, "error", err)
			return "", err
		}
		return fmt.Sprintf("order %d accepted", o.ID), nil
	}
}

// flush delivers what the invocation has logged. It leaves the invocation a
// tenth of a second to answer; what was not delivered by then stays in memory
// and goes with the next one, if Lambda thaws this process.
func flush(ctx context.Context, handler *ledger.Handler) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(2 * time.Second)
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline.Add(-100*time.Millisecond))
	defer cancel()
	if err := handler.Flush(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err) // CloudWatch has it then
	}
}

// demonstrate invokes the function as Lambda would.
func demonstrate(ctx context.Context) error {
	handler, err := newHandler()
	if err != nil {
		return err
	}
	invoke := lambda.NewHandler(function(handler)).Invoke
	for i, amount := range []float64{12.5, -1} {
		invocation := lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: fmt.Sprint("invocation-", i+1)})
		invocation, cancel := context.WithTimeout(invocation, 3*time.Second)
		payload, _ := json.Marshal(order{ID: i + 1, Amount: amount})
		answer, err := invoke(invocation, payload)
		cancel()
		m := handler.Metrics()
		fmt.Printf("answer %s, error %v, delivered so far %d, in memory %d\n", answer, err,
			m.Flusher.TotalLogsSent, m.Buffer.CurrentSize+m.Buffer.InFlight)
	}
	return handler.Shutdown(ctx)
}
