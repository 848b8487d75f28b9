package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgerview"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A program is the command, running in this process.
type program struct {
	t        *testing.T
	url      string
	out, err lines
	stop     func() int // ends it, and returns its status
}

// lines are what a program writes, line by line.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	for line := range strings.Lines(string(b)) {
		l <- line
	}
	return len(b), nil
}

func (l lines) next(t *testing.T) string {
	t.Helper()
	select {
	case line := <-l:
		return line
	case <-time.After(10 * time.Second):
		t.Fatal("no line came")
		return ""
	}
}

// start runs the command. Its banner is read from out, or from err under -stdin.
func start(t *testing.T, stdin io.Reader, args ...string) *program {
	t.Helper()
	p := &program{t: t, out: make(lines, 1000), err: make(lines, 1000)}
	ctx, cancel := context.WithCancel(context.Background())
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, args, stdin, p.out, p.err)
	}()
	banner := p.out
	if slices.Contains(args, "-stdin") {
		banner = p.err
	}
	p.url = strings.TrimSpace(strings.TrimPrefix(banner.next(t), "ledgerview: "))
	if got := banner.next(t) + banner.next(t) + banner.next(t) + banner.next(t); got != "\n    export LEDGER_BASE_URL="+p.url+"\n    export LEDGER_API_KEY="+ledgerview.APIKey+"\n\n" {
		t.Errorf("banner: %q", got)
	}
	ended := false
	p.stop = func() int {
		if ended {
			return 0
		}
		ended = true
		cancel()
		select {
		case code := <-status:
			http.DefaultClient.CloseIdleConnections()
			return code
		case <-time.After(5 * time.Second):
			t.Error("it goes on after Ctrl-C")
			return -1
		}
	}
	t.Cleanup(func() { p.stop() })
	return p
}

func (p *program) get(path string, into any) {
	p.t.Helper()
	resp, err := http.Get(p.url + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil || resp.StatusCode != 200 {
		p.t.Fatalf("%s: %s %v", path, resp.Status, err)
	}
}

// messages are those of all records, oldest first.
func (p *program) messages() (m []string) {
	var list struct{ Records []struct{ Message string } }
	p.get("/api/records?after=0", &list)
	for _, r := range list.Records {
		m = append(m, r.Message)
	}
	return m
}

// fails runs the command to its end, and returns its status and what it says.
func fails(args ...string) (status int, said string) {
	var stderr bytes.Buffer
	status = run(context.Background(), args, strings.NewReader(""), io.Discard, &stderr)
	return status, stderr.String()
}

func TestPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var said bytes.Buffer
	next, err := listen(l.Addr().String(), &said)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	first, second := l.Addr().(*net.TCPAddr).Port, next.Addr().(*net.TCPAddr).Port
	if second <= first || said.String() != fmt.Sprintf("ledgerview: port %d is taken, using %d\n", first, second) {
		t.Errorf("after %d comes %d: %s", first, second, &said)
	}
}

func TestFaultsOnTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	archive := filepath.Join(dir, "archive")
	if err := os.WriteFile(archive, []byte("{\"msg\":\"x\"}\nPK\x03\x04"), 0o600); err != nil {
		t.Fatal(err)
	}
	later := filepath.Join(dir, "later")
	header := []byte("ldgspl\n\x63")
	header = binary.LittleEndian.AppendUint32(header, crc32.Checksum(header, crc32.MakeTable(crc32.Castagnoli)))
	if err := errors.Join(os.Mkdir(later, 0o700), os.WriteFile(filepath.Join(later, "ledger-0000000000000001.spool"), header, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args   []string
		status int
		said   string
	}{
		{[]string{"-nonsense"}, 2, "flag provided but not defined: -nonsense"},
		{[]string{"file.ndjson"}, 2, `unexpected argument "file.ndjson": see -help`},
		{[]string{"-max-bytes", "lots"}, 2, "a number of bytes such as 268435456 or 256MiB is needed"},
		{[]string{"-max-bytes", "0"}, 2, "a number of bytes"},
		{[]string{"-forward", "ledger.example.com"}, 2, "-forward: \"ledger.example.com\" is no URL of a server"},
		{[]string{"-addr", "localhost"}, 1, "-addr: address localhost: missing port in address"},
		{[]string{"-addr", "localhost:http"}, 1, `-addr: "http" is no port`},
		{[]string{"-addr", "192.0.2.1:8000"}, 1, "cannot assign requested address"},
		{[]string{"-open", filepath.Join(dir, "none")}, 1, "no such file"},
		{[]string{"-open", dir}, 1, "is a directory"},
		{[]string{"-open", archive}, 1, archive + ": line 2: no JSON object"},
		{[]string{"-spool", filepath.Join(dir, "none")}, 1, "no such file"},
		{[]string{"-spool", dir}, 1, "no spool is here"},
		{[]string{"-spool", later}, 1, "written by a later version"},
		{[]string{"-help"}, 0, "-max-bytes memory"},
	} {
		if status, said := fails(tt.args...); status != tt.status || !strings.Contains(said, tt.said) {
			t.Errorf("%q: %d %s", tt.args, status, said)
		}
	}
}

func TestByteSizes(t *testing.T) {
	for text, want := range map[string]byteSize{"1048576": 1 << 20, "64MiB": 64 << 20, "2GiB": 2 << 30, "3KiB": 3 << 10} {
		var b byteSize
		if err := b.Set(text); err != nil || b != want {
			t.Errorf("%s: %d %v", text, b, err)
		}
	}
	b := byteSize(256 << 20)
	if b.String() != "256MiB" {
		t.Error(b.String())
	}
}

func TestPipe(t *testing.T) {
	in, service := io.Pipe()
	p := start(t, in, "-addr", "127.0.0.1:0", "-stdin")
	const text = `{"level":"INFO","msg":"from JSON"}` + "\nplain text\n"
	go io.WriteString(service, text)
	if got := p.out.next(t) + p.out.next(t); got != text {
		t.Errorf("passed on %q", got)
	}
	for len(p.messages()) < 2 {
		time.Sleep(time.Millisecond)
	}
	if got := p.messages(); got[0] != "from JSON" || got[1] != "plain text" {
		t.Errorf("%q", got)
	}
	service.Close()
	if got := p.err.next(t); got != "ledgerview: standard input has ended; the page stays at "+p.url+" until Ctrl-C\n" {
		t.Errorf("%q", got)
	}
	if status := p.stop(); status != 0 {
		t.Errorf("status %d", status)
	}
}

func TestOpenAndPrint(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log.ndjson")
	if err := os.WriteFile(file, []byte(`{"level":"ERROR","msg":"from a file"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, nil, "-addr", "127.0.0.1:0", "-open", file, "-print")
	if got := p.messages(); len(got) != 1 || got[0] != "from a file" {
		t.Errorf("%q", got)
	}
	resp, err := http.Post(p.url+"/api/import", "", strings.NewReader(`{"level":"WARN","msg":"printed","n":1}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := p.out.next(t); !strings.HasSuffix(got, `warning  logger    printed  {"level":"WARN","n":1}`+"\n") && !strings.HasSuffix(got, `warning  logger    printed  {"n":1}`+"\n") {
		t.Errorf("%q", got)
	}
}

// One command shows everything: the demo fills every tab, and ends at once with streams open.
func TestDemo(t *testing.T) {
	before := goleak.IgnoreCurrent()
	p := start(t, nil, "-addr", "127.0.0.1:0", "-demo", "-src", "../..")
	stream, err := http.Get(p.url + "/api/stream?after=0")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	line, err := bufio.NewReader(stream.Body).ReadString('\n')
	if err != nil || line != ": connected\n" {
		t.Errorf("%q %v", line, err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		var routes struct{ Routes []struct{ Path string } }
		var groups struct{ Groups []struct{ Type string } }
		var traces struct{ Total int }
		var list struct{ Records []any }
		p.get("/api/routes", &routes)
		p.get("/api/errors", &groups)
		p.get("/api/traces", &traces)
		p.get("/api/records?q=verdict:masked", &list)
		if len(routes.Routes) >= 4 && len(groups.Groups) >= 1 && traces.Total >= 2 && len(list.Records) >= 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d routes, %d groups, %d traces, %d masked", len(routes.Routes), len(groups.Groups), traces.Total, len(list.Records))
		}
		time.Sleep(50 * time.Millisecond)
	}
	var runs struct{ Runs []any }
	if p.get("/api/runs", &runs); len(runs.Runs) != 2 {
		t.Errorf("%d runs", len(runs.Runs))
	}
	began := time.Now()
	if status := p.stop(); status != 0 || time.Since(began) > 3*time.Second {
		t.Errorf("status %d after %v", status, time.Since(began))
	}
	stream.Body.Close()
	goleak.VerifyNone(t, before) // the shop and the worker have ended, too
}

// What a handler could not deliver is shown, and is still there for it.
func TestSpool(t *testing.T) {
	for _, protocol := range []ledger.Protocol{ledger.ProtocolLedger, ledger.ProtocolOTLP} {
		t.Run(string(protocol), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "spool")
			h, err := ledger.NewHandler(&ledger.Options{
				BaseURL: "http://127.0.0.1:1", APIKey: ledgerview.APIKey, Protocol: protocol, Service: "shop", Environment: "dev", SpoolDir: dir, Diagnostics: slog.DiscardHandler,
			})
			if err != nil {
				t.Fatal(err)
			}
			log := slog.New(h)
			log.Info("first", "user", slog.GroupValue(slog.Int("id", 42)))
			log.Error("second", "error", errors.New("why"))
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_ = h.Shutdown(ctx) // cannot deliver
			p := start(t, nil, "-addr", "127.0.0.1:0", "-spool", dir)
			if got := p.messages(); len(got) != 2 || got[0] != "first" || got[1] != "second" {
				t.Fatalf("%q", got)
			}
			var list struct {
				Records []struct {
					Level, Environment, Protocol string
					Error                        *struct{ Message string }
					Verdict                      struct{ Accepted bool }
				}
			}
			p.get("/api/records?q=user.id:42+OR+level:error", &list)
			if len(list.Records) != 2 || list.Records[0].Error.Message != "why" || list.Records[1].Environment != "dev" || list.Records[1].Protocol != string(protocol) || !list.Records[0].Verdict.Accepted {
				t.Errorf("%+v", list)
			}
			p.stop()
			again, err := ledgerview.New(nil).Spool(dir)
			if again != 2 || err != nil {
				t.Errorf("still there: %d %v", again, err)
			}
		})
	}
}
