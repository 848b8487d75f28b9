package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	chihttplog "github.com/go-chi/httplog/v3"

	"github.com/ledger-sdk/ledger-go/httplog"
)

// Load on a service: so many connections, and how long.
const (
	connections = 32
	loaded      = 2 * time.Second
)

// underLoad measures how many requests a second a net/http service keeps up when it
// logs each of them, and a line of its own. The service is a process of its own; who
// asks it, wrk where there is one, and the sink are beside it on the same machine.
func underLoad(size size, t *table) {
	const bare = "no logging"
	kinds := []string{bare, json + " to nowhere, go-chi/httplog"}
	for _, p := range shippers() {
		kinds = append(kinds, p.name)
	}
	rates := make([]series, len(kinds))
	lost := make([]string, len(kinds))
	length := loaded
	if size.rounds == 1 {
		length = 200 * time.Millisecond
	}
	for range min(size.rounds, 5) {
		for _, i := range rand.Perm(len(kinds)) {
			rate, said := serveUnderLoad(kinds[i], length)
			rates[i] = append(rates[i], rate)
			if said != "" {
				lost[i] = said
			}
		}
	}
	for i, kind := range kinds {
		ratio := rates[i].over(rates[0])
		r := row{Figure: "A net/http service under load", Who: kind, Value: fmt.Sprintf("%s requests/s, %.2f of %s%s", thousands(rates[i].median()), ratio, bare, lost[i])}
		if strings.HasPrefix(kind, "ledger") {
			r.Target = "≥ 0.65"
			r.judge(ratio >= 0.65)
		}
		t.add(r)
	}
}

// serveUnderLoad runs a service, and returns its requests a second, and what it said
// was lost.
func serveUnderLoad(kind string, length time.Duration) (rate float64, lost string) {
	s := newSink(nil)
	defer s.close()
	cmd := exec.Command(os.Args[0], "-serve", kind, "-sink", s.URL)
	cmd.Stderr = os.Stderr
	stop, err := cmd.StdinPipe()
	if err != nil {
		fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		fatal(err)
	}
	if err := cmd.Start(); err != nil {
		fatal(err)
	}
	says := bufio.NewScanner(out)
	if !says.Scan() {
		fatal(fmt.Errorf("the service with %s does not start", kind))
	}
	url := says.Text() + "/users/42"
	if _, err := ask(url, length/4); err != nil { // warms up
		fatal(err)
	}
	if rate, err = ask(url, length); err != nil {
		fatal(err)
	}
	_ = stop.Close()
	if says.Scan() {
		lost = says.Text()
	}
	_ = cmd.Wait()
	return rate, lost
}

var perSecond = regexp.MustCompile(`Requests/sec: +([0-9.]+)`)

// ask asks a service as fast as it answers.
func ask(url string, length time.Duration) (rate float64, err error) {
	if wrk, err := exec.LookPath("wrk"); err == nil {
		seconds := max(int(length.Seconds()+0.5), 1)
		out, err := exec.Command(wrk, "-t1", fmt.Sprint("-c", connections), fmt.Sprint("-d", seconds), url).CombinedOutput()
		found := perSecond.FindSubmatch(out)
		if err != nil || found == nil {
			return 0, fmt.Errorf("wrk: %w: %s", err, out)
		}
		return strconv.ParseFloat(string(found[1]), 64)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	defer client.CloseIdleConnections()
	var answered atomic.Int64
	began := time.Now()
	var all sync.WaitGroup
	for range connections {
		all.Go(func() {
			for time.Since(began) < length {
				if r, err := client.Get(url); err == nil {
					_, _ = io.Copy(io.Discard, r.Body)
					_ = r.Body.Close()
					answered.Add(1)
				}
			}
		})
	}
	all.Wait()
	return float64(answered.Load()) / time.Since(began).Seconds(), nil
}

// serve is the service. It says where it listens, and ends when its input does.
func serve(kind, sinkURL string) {
	l := logger{handler: slog.NewJSONHandler(io.Discard, nil), close: func() {}}
	ours := false
	for _, p := range shippers() {
		if p.name == kind {
			l, ours = p.open(&sink{URL: sinkURL}, 0), p.ours
		}
	}
	log := slog.New(l.handler)
	mux := http.NewServeMux()
	handler := http.Handler(mux)
	switch {
	case ours:
		handler = httplog.Middleware(log, nil)(mux)
	case kind == "no logging":
		log = slog.New(slog.DiscardHandler)
	default:
		handler = chihttplog.RequestLogger(log, &chihttplog.Options{Level: slog.LevelInfo, Schema: chihttplog.SchemaOTEL})(mux)
	}
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		log.LogAttrs(r.Context(), slog.LevelInfo, marker, slog.String("user", r.PathValue("id")), slog.Int("items", 3), slog.Duration("cost", time.Millisecond))
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":42,"name":"somebody"}`)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fatal(err)
	}
	fmt.Printf("http://%s\n", listener.Addr())
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(listener) }()
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = server.Shutdown(context.Background())
	within(atMost, l.close)()
	if l.lost != nil {
		fmt.Printf("; %s dropped\n", thousands(float64(l.lost())))
	}
}
