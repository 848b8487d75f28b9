package httplog

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

// The standard library is the judge of what is faster than it.
func TestPutHex(t *testing.T) {
	for range 1000 {
		n := rand.Uint32()
		var got [8]byte
		putHex(got[:], n)
		if want := fmt.Sprintf("%08x", n); string(got[:]) != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
}

func TestIsPrintableASCII(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			text := []byte("~ ~ ~ ~ aaaaa~ ~ ~ ~")
			text[at] = byte(c)
			if got, want := isPrintableASCII(string(text)), c >= ' ' && c <= '~'; got != want {
				t.Fatalf("byte %#x at %d: %t, want %t", c, at, got, want)
			}
		}
	}
}

func TestIsLowerHex(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			text := []byte("09af09af0a9f0a9f0a9f")
			text[at] = byte(c)
			if got, want := isLowerHex(string(text)), strings.IndexByte("0123456789abcdef", byte(c)) >= 0; got != want {
				t.Fatalf("byte %#x at %d: %t, want %t", c, at, got, want)
			}
		}
	}
}

func FuzzIPv4Len(f *testing.F) {
	for _, s := range []string{"192.0.2.1:80", "1.2.3.4", "1.2.3.4:", "01.2.3.4:1", "0.0.0.0:0", "256.1.1.1:1", "1.2.3:4", "1.2.3.4.5:6", "1..2.3:4", "1.2.3.4:123456", "[::1]:80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		addr, err := netip.ParseAddrPort(s)
		want := err == nil && addr.Addr().Is4() && addr.Addr().String() == s[:strings.IndexByte(s, ':')]
		// ParseAddrPort wants the port to fit into 16 bits.
		n := ipv4Len(s)
		if got := n > 0; got != want && !(got && strings.Contains(err.Error(), "invalid port")) {
			t.Errorf("%q: %t, want %t", s, got, want)
		}
		if n > 0 && s[n] != ':' {
			t.Errorf("%q: the address ends at %d", s, n)
		}
	})
}

// A handler that sets a pattern of its own for each request fills no memory.
func TestPatternsAreBounded(t *testing.T) {
	m := newMiddleware(nil, &Options{})
	for i := range 2 * maxPatterns {
		if r := m.ofPattern(fmt.Sprintf("GET /%d/{id}", i)); r.template != fmt.Sprintf("/%d/{id}", i) || len(r.params) != 1 {
			t.Fatalf("route %+v", r)
		}
	}
	if n := len(*m.patterns.known.Load()); n != maxPatterns {
		t.Errorf("%d patterns remembered, want %d", n, maxPatterns)
	}
}
