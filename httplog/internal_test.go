package httplog

import (
	"fmt"
	"math/rand/v2"
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
