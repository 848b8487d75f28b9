package gzip

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pack compresses a body in pieces, some of which are made where they stay.
func pack(w *Writer, body []byte, piece int) []byte {
	w.Begin(len(body))
	for rest := body; len(rest) > 0; {
		n := min(piece, len(rest))
		if len(rest)%2 == 0 {
			w.Write(append(w.Space(), rest[:n]...))
		} else {
			w.Write(rest[:n])
		}
		rest = rest[n:]
	}
	return w.End()
}

// unpack is Go's own decompressor, which checks the sum and the length.
func unpack(t testing.TB, packed []byte) []byte {
	t.Helper()
	zr, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	zr.Multistream(false)
	body, err := io.ReadAll(zr)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func check(t testing.TB, w *Writer, body []byte, piece int) int {
	t.Helper()
	packed := pack(w, body, piece)
	if got := unpack(t, packed); !bytes.Equal(got, body) {
		t.Fatalf("%d bytes come back as %d others", len(body), len(got))
	}
	return len(packed)
}

// entries are n lines as a service logs them.
func entries(n int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `{"level":"info","message":"request handled for customer","attributes":{"method":"GET","path":"/api/v1/orders/%d/items","status":200,"elapsed":%d},"log_type":"logger","importance":"standard","platform":"go","log_id":"7srvu55z36khtfyt-%016x","timestamp":"2026-01-02T15:04:%02d.%06dZ"},`,
			random.IntN(100_000), random.IntN(1e8), i, i/1000%60, random.IntN(1e6))
	}
	return b.Bytes()
}

func TestBodiesComeBack(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	noise := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	w := NewWriter()
	for name, body := range map[string][]byte{
		"empty":      nil,
		"one byte":   {'x'},
		"short":      []byte("hello hello hello hello"),
		"entries":    entries(3000),
		"few":        entries(3),
		"noise":      noise(300_000),
		"zeros":      make([]byte, 300_000),
		"mixed":      bytes.Join([][]byte{entries(400), noise(5000), make([]byte, 5000), entries(400)}, nil),
		"far":        bytes.Repeat(noise(maxDistance), 4),
		"too far":    bytes.Repeat(noise(maxDistance+1), 3),
		"at 258":     []byte(strings.Repeat("a", 258+5) + "b" + strings.Repeat("a", 258*2+6) + noiseText(random)),
		"every byte": everyByte(),
	} {
		t.Run(name, func(t *testing.T) {
			for _, piece := range []int{1 << 20, 32 << 10, 1000, 7} {
				check(t, w, body, piece)
			}
		})
	}
}

func noiseText(r *rand.Rand) string { return fmt.Sprint(r.Uint64(), r.Uint64()) }

func everyByte() (b []byte) {
	for n := range 400 {
		for c := range 256 {
			b = append(b, byte(c*n))
		}
	}
	return b
}

// Every length and distance that can be written is read as what it is.
func TestEveryLengthAndDistance(t *testing.T) {
	w := NewWriter()
	for length := 3; length <= maxMatch+4; length++ {
		body := []byte(strings.Repeat("-", 5000) + "<" + strings.Repeat("abcdefgh!", 40)[:length] + ">")
		body = append(body, bytes.Repeat([]byte{'#'}, length)...)
		body = append(body, "<"+strings.Repeat("abcdefgh!", 40)[:length]+"|........"...)
		check(t, w, body, len(body))
	}
	for distance := 1; distance <= maxDistance; distance = distance*5/4 + 1 {
		r := rand.New(rand.NewPCG(5, uint64(distance)))
		body := make([]byte, distance)
		for i := range body {
			body[i] = byte(r.Uint32())
		}
		check(t, w, append(bytes.Repeat(body, 2), "........"...), PieceSize)
	}
}

// Counts that grow like Fibonacci's numbers would make codes of twenty bits and more.
func TestCodesKeepTheirLimit(t *testing.T) {
	var often [40]uint32
	a, b := uint32(1), uint32(1)
	for i := range often {
		often[i] = a
		a, b = b, a+b
	}
	for _, limit := range []uint32{7, 15} {
		var made [40]code
		new(tree).assign(made[:], often[:], limit)
		sum := 0.0
		for _, c := range made {
			if c.n < 1 || c.n > limit {
				t.Fatalf("a code of %d bits, at most %d", c.n, limit)
			}
			sum += 1 / float64(uint64(1)<<c.n)
		}
		if sum != 1 {
			t.Errorf("the codes take %v of what there is", sum)
		}
	}
}

// Bodies of entries become small, and one that cannot does not grow by much.
func TestSizes(t *testing.T) {
	w := NewWriter()
	body := entries(1000)
	if n := check(t, w, body, PieceSize); n > 45*1000 {
		t.Errorf("the first 1000 entries take %d bytes", n)
	}
	if n := check(t, w, body, PieceSize); n > 38*1000 {
		t.Errorf("1000 more take %d bytes", n)
	}
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	if n := check(t, w, noise, PieceSize); n > len(noise)*3/2 {
		t.Errorf("1 MiB of noise takes %d bytes", n)
	}
}

// Both looks find what a look at each byte finds.
func TestWhatIsTheSameIsFound(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 9))
	for range 20_000 {
		a, b := make([]byte, 24), make([]byte, 8+random.IntN(17))
		for i := range a {
			a[i] = byte(random.Uint32())
		}
		for i := range copy(b, a) {
			if random.IntN(6) == 0 {
				b[i] ^= 1 << random.IntN(8)
			}
		}
		n := 0
		for n < len(b) && a[n] == b[n] {
			n++
		}
		if got := same(a, b); got != n {
			t.Fatalf("%d bytes of %x and %x are the same, not %d", n, a, b, got)
		}
		at := 0
		for at < 8 && (at > 4 || !bytes.Equal(a[at:at+4], b[at:at+4])) {
			at++
		}
		if got := sameFour(load64(a, 0) ^ load64(b, 0)); got != at {
			t.Fatalf("four bytes of %x and %x are the same at %d, not %d", a[:8], b[:8], at, got)
		}
	}
}

// Behind a number that differs the match goes on: little is written but the number.
func TestMatchesGoOnBehindNumbers(t *testing.T) {
	random := rand.New(rand.NewPCG(6, 7))
	for digits := 1; digits <= 4; digits++ {
		var b bytes.Buffer
		for range 2000 {
			b.WriteString(`{"level":"info","message":"request handled","n":`)
			for range digits {
				b.WriteByte('0' + byte(random.IntN(10)))
			}
			b.WriteString(`,"service":"checkout"},`)
		}
		w := NewWriter()
		check(t, w, b.Bytes(), PieceSize) // the codes are learned
		if n := check(t, w, b.Bytes(), PieceSize); n > 2000*(1+digits) {
			t.Errorf("%d digits: %d bytes", digits, n)
		}
	}
}

// Positions are counted on from body to body, until they begin again.
func TestPositionsBeginAgain(t *testing.T) {
	w := NewWriter()
	w.base = 1<<31 - 100_000
	for range 5 {
		check(t, w, entries(300), PieceSize)
	}
	if w.base > 1<<30 {
		t.Error("they did not begin again")
	}
}

// A Writer that has seen its largest body takes no more memory.
func TestAllocs(t *testing.T) {
	w := NewWriter()
	body := entries(3000)
	pack(w, body, PieceSize)
	if n := testing.AllocsPerRun(10, func() { pack(w, body, PieceSize) }); n > 0 {
		t.Errorf("%.0f allocations", n)
	}
}

func TestShed(t *testing.T) {
	w := NewWriter()
	check(t, w, entries(1000), PieceSize)
	w.Shed(1 << 30)
	if w.out == nil {
		t.Error("what is small enough is gone")
	}
	w.Shed(1 << 10)
	if w.out != nil {
		t.Error("what is too large is kept")
	}
	check(t, w, entries(1000), PieceSize)
}

func FuzzBodiesComeBack(f *testing.F) {
	f.Add([]byte("hello"), []byte("hello hello hello"), uint16(3))
	f.Add(entries(20), everyByte()[:20_000], uint16(1000))
	f.Add([]byte{0}, make([]byte, 70_000), uint16(65535))
	w := NewWriter()
	f.Fuzz(func(t *testing.T, a, b []byte, piece uint16) {
		check(t, w, a, int(piece)+1)
		check(t, w, b, int(piece)+1)
		check(t, w, bytes.Repeat(append(a[:len(a):len(a)], b...), 1+int(piece)%50), int(piece)+1)
		check(t, NewWriter(), b, int(piece)+1)
	})
}

func BenchmarkEntries(b *testing.B) {
	body := entries(1000)
	if name := os.Getenv("BODY"); name != "" {
		body, _ = os.ReadFile(name)
	}
	if !utf8.Valid(body) {
		b.Log("binary")
	}
	w := NewWriter()
	n := 0
	for b.Loop() {
		n = len(pack(w, body, PieceSize))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/entry")
	b.ReportMetric(float64(n)/1000, "B/entry")
}
