package examples

import (
	"bufio"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// TestDebugPage looks at the page of the service. It shows what was logged, to
// this machine alone, and does not hold up SIGTERM while it is open.
func TestDebugPage(t *testing.T) {
	t.Parallel()
	srv := ledgertest.NewServer()
	defer srv.Close()
	p := start(t, srv, build(t, "debugpage"), "ADDR=:0")
	listening, err := netip.ParseAddrPort(p.addr(t))
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), listening.Port()).String()
	for _, r := range []request{
		{line: "GET /users/42", want: "200"},
		{line: "GET /debug/ledger/", want: "200", body: "<title>"},
		{line: "GET /debug/ledger/", header: http.Header{"X-Forwarded-For": {"127.0.0.1"}}, want: "404"},
		{line: "GET /debug/ledger/api/records", header: http.Header{"Forwarded": {"for=127.0.0.1"}}, want: "404"},
		{line: "DELETE /debug/ledger/api/records", header: http.Header{"Origin": {"https://example.com"}}, want: "403"},
	} {
		r.send(t, addr)
	}
	t.Run("from elsewhere", func(t *testing.T) {
		request{line: "GET /debug/ledger/", want: "404"}.send(t, netip.AddrPortFrom(otherAddr(t), listening.Port()).String())
	})

	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	stream, err := client.Get("http://" + addr + "/debug/ledger/api/stream?after=0")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	lines := bufio.NewScanner(stream.Body)
	lines.Buffer(nil, 1<<20)
	for shown := false; !shown; {
		if !lines.Scan() {
			t.Fatalf("the page's stream ended without the record: %v", lines.Err())
		}
		shown = strings.Contains(lines.Text(), "fetching user")
	}
	p.terminate(t) // the page is still open
	for lines.Scan() {
		if strings.Contains(lines.Text(), "/debug/ledger/") {
			t.Errorf("the page shows its own requests: %s", lines.Text())
		}
	}
	p.expectExit(t, 0)
	p.expectSilence(t)
	var got []string
	for _, e := range srv.Entries() {
		message, _, _ := strings.Cut(e.Message, " (")
		got = append(got, message)
	}
	if strings.Join(got, "; ") != "listening; fetching user; GET /users/{id} - 200" {
		t.Errorf("the server has %q", got)
	}
}

// otherAddr returns an address of this machine that is not a loopback one.
func otherAddr(t *testing.T) netip.Addr {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr().Is4() && !prefix.Addr().IsLoopback() {
			return prefix.Addr()
		}
	}
	t.Skip("this machine has only loopback addresses")
	return netip.Addr{}
}
