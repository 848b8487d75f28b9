// Demoserver stands in for a Ledger server in deploy/docker-compose.yaml: it
// speaks the ingest API, both protocols, without limits, and prints what arrives.
// It is package ledgertest on an address of your choice, which keeps all of it in
// memory; it is not for production.
//
//	go run ./deploy/demoserver -addr :8000
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/ledger-sdk/ledger-go/ledgertest"
)

func main() {
	addr := flag.String("addr", ":8000", "address to listen on")
	key := flag.String("key", ledgertest.APIKey, "API key to accept")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	srv := ledgertest.NewServer(ledgertest.WithAddr(*addr), ledgertest.WithAPIKeys(*key), ledgertest.WithProtocol(ledgertest.Both),
		ledgertest.WithRateLimits(0, 0), ledgertest.WithDailyQuota(0))
	defer srv.Close()
	fmt.Println("listening on", *addr)
	printed := 0
	_ = srv.WaitFor(ctx, func(entries []ledgertest.Entry) bool {
		for _, e := range entries[printed:] {
			fmt.Printf("%s %-8s %-9s %s\n", e.Timestamp.Format("15:04:05.000"), e.Level, e.LogType, e.Message)
		}
		printed = len(entries)
		return false // until ctx ends
	})
}
