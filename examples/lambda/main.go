// Lambda is an AWS Lambda function. Lambda freezes the process between two
// invocations, so each ends with a Flush: nothing happens in the background.
//
// Build it as Lambda wants it, and set LEDGER_API_KEY and LEDGER_BASE_URL in the
// function's configuration:
//
//	GOOS=linux GOARCH=arm64 go build -tags lambda.norpc -o bootstrap . && zip function.zip bootstrap
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/ledger-sdk/ledger-go"
)

func main() {
	ledgerHandler, err := ledger.NewHandler(&ledger.Options{
		Service:      os.Getenv("AWS_LAMBDA_FUNCTION_NAME"),
		Release:      os.Getenv("AWS_LAMBDA_FUNCTION_VERSION"),
		ContextAttrs: requestID,
		HTTPPoolSize: 1,
		// A round of attempts must fit into what an invocation has left.
		HTTPTimeout: 2 * time.Second, MaxRetries: 1,
		RetryBackoff: 200 * time.Millisecond, NetworkBackoff: 200 * time.Millisecond,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err) // CloudWatch has it
		os.Exit(1)
	}
	// What goes to stdout is in CloudWatch.
	logger := slog.New(slog.NewMultiHandler(slog.NewJSONHandler(os.Stdout, nil), ledgerHandler))

	// Lambda sends SIGTERM only to functions with an extension, and then gives
	// them 500 ms. For the others there is nothing left to send at that time.
	lambda.StartWithOptions(function(logger, ledgerHandler), lambda.WithEnableSIGTERM(func() {
		deadline, cancel := context.WithTimeout(context.Background(), 400*time.Millisecond)
		defer cancel()
		if err := ledgerHandler.Shutdown(deadline); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}))
}

// requestID ties what an invocation logs together.
func requestID(ctx context.Context) []slog.Attr {
	if invocation, ok := lambdacontext.FromContext(ctx); ok {
		return []slog.Attr{slog.String("request_id", invocation.AwsRequestID)}
	}
	return nil
}

// An order is the event that invokes the function.
type order struct {
	ID     int     `json:"id"`
	Amount float64 `json:"amount"`
}

// function returns what Lambda calls.
func function(logger *slog.Logger, ledgerHandler *ledger.Handler) func(context.Context, order) (string, error) {
	return func(ctx context.Context, o order) (string, error) {
		defer flush(ctx, ledgerHandler)
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
// tenth of a second to answer. What was not delivered by then stays in memory,
// and goes with the next invocation if Lambda wakes this process again.
func flush(ctx context.Context, ledgerHandler *ledger.Handler) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(2 * time.Second)
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline.Add(-100*time.Millisecond))
	defer cancel()
	if err := ledgerHandler.Flush(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}
