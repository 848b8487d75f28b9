// Ledgerview shows on a web page what services log, on this machine, without a Ledger server.
//
//	go run github.com/ledger-sdk/ledger-go/cmd/ledgerview@latest
//	service 2>&1 | ledgerview -stdin
//
// Run it with -help for its flags. docs/ledgerview.md says more.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ledger-sdk/ledger-go/ledgerview"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// flags are what the command line says.
type flags struct {
	addr, open, spool, forward, src, editor, hosts string
	maxBytes                                       byteSize
	stdin, print, demo                             bool

	target *url.URL // of forward
}

func parseFlags(args []string, stderr io.Writer) (*flags, error) {
	f := &flags{maxBytes: 256 << 20}
	set := flag.NewFlagSet("ledgerview", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.StringVar(&f.addr, "addr", "127.0.0.1:8000", "`address` to listen on; when the port is taken, the next free one")
	set.Var(&f.maxBytes, "max-bytes", "`memory` for records; the oldest go when it is full")
	set.BoolVar(&f.stdin, "stdin", false, "keep the lines of standard input, and pass them on to standard output")
	set.StringVar(&f.open, "open", "", "show the records of an NDJSON `file`")
	set.StringVar(&f.spool, "spool", "", "show what a handler left in its spool `directory`, without touching it")
	set.StringVar(&f.forward, "forward", "", "send what comes in on to the real server at this `URL`")
	set.StringVar(&f.src, "src", ".", "`directory` of the sources, for the lines around frames; empty for none")
	set.StringVar(&f.editor, "editor", "vscode://file{file}:{line}", "`address` that opens {file} at {line} in your editor; empty for no links")
	set.StringVar(&f.hosts, "host", "", "`names`, separated by commas, by which the page may be called beside its address")
	set.BoolVar(&f.print, "print", false, "write records to standard output, too")
	set.BoolVar(&f.demo, "demo", false, "let a service in this process make traffic")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if set.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q: see -help", set.Arg(0))
	}
	if f.forward != "" {
		target, err := url.Parse(f.forward)
		if err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https" {
			return nil, fmt.Errorf("-forward: %q is no URL of a server, such as https://ledger.example.com", f.forward)
		}
		f.target = target
	}
	return f, nil
}

// run is the program: it returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	f, err := parseFlags(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "ledgerview:", err)
		return 2
	}
	if err := serve(ctx, f, stdin, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "ledgerview:", err)
		return 1
	}
	return 0
}

// serve runs the viewer until ctx ends.
func serve(ctx context.Context, f *flags, stdin io.Reader, stdout, stderr io.Writer) error {
	v := ledgerview.New(&ledgerview.Options{
		MaxBytes: int64(f.maxBytes), SourceDir: f.src, Editor: f.editor, Forward: f.target,
		Hosts: strings.FieldsFunc(f.hosts, func(r rune) bool { return r == ',' || r == ' ' }),
	})
	defer v.Close()
	// Without a limit the collector lets garbage grow to as much as the records take.
	debug.SetMemoryLimit(int64(f.maxBytes)*5/4 + memoryBeside)
	if f.open != "" {
		if err := open(v, f.open, stderr); err != nil {
			return err
		}
	}
	if f.spool != "" {
		n, err := v.Spool(f.spool)
		if err != nil && n == 0 {
			return err
		}
		if err != nil {
			fmt.Fprintln(stderr, "ledgerview:", err)
		}
		fmt.Fprintf(stderr, "ledgerview: %d records of %s\n", n, f.spool)
	}
	printing := v.Printer(stdout) // from the first record that is sent
	l, err := listen(f.addr, stderr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: v, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	defer server.Close() // streams and uploads end at once

	banner := stdout
	if f.stdin {
		banner = stderr // stdout is what was piped in
	}
	base := "http://" + address(l)
	fmt.Fprintf(banner, "ledgerview: %s\n\n    export LEDGER_BASE_URL=%s\n    export LEDGER_API_KEY=%s\n\n", base, base, ledgerview.APIKey)

	if f.stdin {
		go func() {
			if err := v.Pipe(stdin, stdout); err != nil {
				fmt.Fprintln(stderr, "ledgerview:", err)
			}
			if ctx.Err() == nil {
				fmt.Fprintf(stderr, "ledgerview: standard input has ended; the page stays at %s until Ctrl-C\n", base)
			}
		}()
	}
	if f.print {
		go func() {
			if err := printing(ctx); err != nil {
				fmt.Fprintln(stderr, "ledgerview:", err)
			}
		}()
	}
	if f.demo {
		demo, err := newDemo(v)
		if err != nil {
			return err
		}
		ctx, stop := context.WithCancel(ctx)
		var running sync.WaitGroup
		running.Go(func() { demo.run(ctx) })
		defer running.Wait() // the viewer takes its last entries
		defer stop()
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	}
}

// memoryBeside is what the program needs beside its records, in bytes.
const memoryBeside = 64 << 20

// open shows a file.
func open(v *ledgerview.Viewer, name string, stderr io.Writer) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	n, err := v.Import(file)
	if err != nil {
		return fmt.Errorf("%s: %w", name, errors.Unwrap(err))
	}
	fmt.Fprintf(stderr, "ledgerview: %d records of %s\n", n, name)
	return nil
}

// portsToTry is how many ports after a taken one are tried.
const portsToTry = 100

// listen listens on addr, or on the next port that is free.
func listen(addr string, stderr io.Writer) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("-addr: %w", err)
	}
	first, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("-addr: %q is no port", port)
	}
	for n := first; n <= 65535 && n <= first+portsToTry; n++ {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.FormatUint(n, 10)))
		if err == nil {
			if n != first {
				fmt.Fprintf(stderr, "ledgerview: port %d is taken, using %d\n", first, n)
			}
			return l, nil
		}
		if !isTaken(err) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("-addr: port %d and the %d after it are taken", first, portsToTry)
}

// address is where a browser on this machine finds the page.
func address(l net.Listener) string {
	at, ok := l.Addr().(*net.TCPAddr)
	if ok && at.IP.IsUnspecified() {
		return net.JoinHostPort("localhost", strconv.Itoa(at.Port))
	}
	return l.Addr().String()
}

// A byteSize is a flag that takes 1048576, 64MiB or 1GiB.
type byteSize int64

func (b *byteSize) String() string {
	for _, unit := range byteUnits {
		if n := int64(*b); n >= unit.size && n%unit.size == 0 {
			return fmt.Sprintf("%d%s", n/unit.size, unit.name)
		}
	}
	return strconv.FormatInt(int64(*b), 10)
}

var byteUnits = []struct {
	name string
	size int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// Set implements flag.Value.
func (b *byteSize) Set(text string) error {
	size := int64(1)
	for _, unit := range byteUnits {
		if rest, ok := strings.CutSuffix(text, unit.name); ok {
			text, size = rest, unit.size
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || n > (1<<50)/size {
		return errors.New("a number of bytes such as 268435456 or 256MiB is needed")
	}
	*b = byteSize(n * size)
	return nil
}
