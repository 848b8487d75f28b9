// Ledgerview shows on a web page what services log, on this machine, without a Ledger server.
//
//	go run github.com/ledger-sdk/ledger-go/cmd/ledgerview@latest
//
// Run it with -help for its flags. docs/ledgerview.md says more.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/ledger-sdk/ledger-go/ledgerview"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8000", "`address` to listen on; the next free port is taken when it is in use")
	demoFlag := flag.Bool("demo", false, "let a service in this process make traffic")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	v := ledgerview.New(&ledgerview.Options{SourceDir: ".", Editor: "vscode://file/{file}:{line}"})
	defer v.Close()
	l, err := listen(*addr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "ledgerview:", err)
		os.Exit(1)
	}
	fmt.Printf("http://%s\n", l.Addr())
	srv := &http.Server{Handler: v, ReadHeaderTimeout: 10 * time.Second}
	go srv.Serve(l)
	if *demoFlag {
		go demo(ctx, v)
	}
	<-ctx.Done()
	v.Close()
	srv.Close()
}

func listen(addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	for i := range 100 {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(n+i)))
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) || n == 0 {
			return l, err
		}
	}
	return nil, fmt.Errorf("no free port from %d on", n)
}
