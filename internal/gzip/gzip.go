// Package gzip compresses the bodies of requests: log entries, which have the same
// keys and the same endings again and again, in the order of logging.
//
// The transport gives it a body piece by piece. It must never know what an entry is, or
// where a body goes. What it writes is ordinary gzip (RFC 1951, 1952), which every
// server reads. It takes three fifths of the time of a general encoder at its fastest, and
// a quarter of its memory: a match is looked for first where the last one was, one record
// back, and a few bytes on as well, behind a number that differs; codes are made of what
// was written before, so that all is done in one pass.
package gzip

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
)

// PieceSize is how much is best compressed at once: many small pieces are slower, the
// checksum alone by a factor of three.
const PieceSize = 32 << 10

const (
	maxDistance = 32 << 10
	spare       = 2 << 10 // beyond a piece: most entries fit
	minMatch    = 4
	maxMatch    = 258
	tail        = 8 // bytes at a piece's end that no match begins in: they are read as one word
	hashBits    = 12
	// Codes are made anew after firstBlock bytes, of which they are all that is known,
	// and then after twice as many each time, up to maxBlock.
	firstBlock = 32 << 10
	maxBlock   = 512 << 10
	// small is the size of a body that is not worth codes of its own.
	small = 4 << 10
)

// A Writer compresses one body after the other. It is not safe for concurrent use.
// It keeps what it learns of one body for the next.
type Writer struct {
	out  []byte
	bits uint64 // the last of what is written, less than a byte of it between calls
	n    uint   // how many bits

	window []byte // what was compressed last, and a piece that is not yet
	base   uint32 // the position of window[0], counted over all bodies
	table  [1 << hashBits]uint32

	back int // how far back the last match was

	codes   codes
	learned counts
	tree    tree
	fixed   bool // this body uses the fixed codes
	block   int  // how many bytes a block takes
	left    int  // of them
	crc     uint32
	size    uint32
}

// NewWriter returns a Writer that knows nothing yet. Begin is to be called first.
func NewWriter() *Writer {
	return &Writer{window: make([]byte, 0, maxDistance+PieceSize+spare), base: maxDistance + 1}
}

// Begin begins a body of about size bytes.
func (w *Writer) Begin(size int) {
	w.base += uint32(len(w.window)) + maxDistance + 1 // nothing of the last body is within reach
	if w.base > 1<<31 {
		w.table, w.base = [1 << hashBits]uint32{}, maxDistance+1
	}
	w.out, w.window = append(w.out[:0], 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255), w.window[:0]
	w.bits, w.n, w.crc, w.size, w.back = 0, 0, 0, 0, 1
	w.fixed = size <= small
	w.beginBlock()
}

// Space is where to write what is to be compressed next: an empty slice, to be appended
// to and given to Write, which then need not copy it. It has room for PieceSize and
// for one more entry, unless that is large.
func (w *Writer) Space() []byte {
	if cap(w.window)-len(w.window) < PieceSize+spare {
		w.slide()
	}
	return w.window[len(w.window):]
}

// slide forgets what is out of reach.
func (w *Writer) slide() {
	w.base += uint32(len(w.window) - maxDistance)
	w.window = w.window[:copy(w.window, w.window[len(w.window)-maxDistance:])]
}

// Write compresses p.
func (w *Writer) Write(p []byte) {
	w.crc = crc32.Update(w.crc, crc32.IEEETable, p)
	w.size += uint32(len(p))
	for len(p) > 0 {
		if w.left <= 0 && !w.fixed {
			w.endBlock(false)
			w.beginBlock()
		}
		if len(w.window) == cap(w.window) {
			w.slide()
		}
		from := len(w.window)
		room := w.window[from:cap(w.window)]
		if &room[0] != &p[0] { // otherwise it was written there
			copy(room, p)
		}
		n := min(len(p), len(room))
		w.window = w.window[:from+n]
		p = p[n:]
		w.left -= n
		w.compress(from)
	}
}

// End ends the body, and returns it. It is the Writer's, until the next Begin.
func (w *Writer) End() []byte {
	w.endBlock(true)
	w.out = append(w.out, byte(w.bits)) // the last bits, and zeros up to a byte
	if w.n == 0 {
		w.out = w.out[:len(w.out)-1]
	}
	w.out = binary.LittleEndian.AppendUint32(w.out, w.crc)
	w.out = binary.LittleEndian.AppendUint32(w.out, w.size)
	return w.out
}

// Shed gives back memory beyond keep bytes.
func (w *Writer) Shed(keep int) {
	if cap(w.out) > keep {
		w.out = nil
	}
}

// beginBlock writes a block's head. Whether it is the last cannot be known, so an empty
// block is.
func (w *Writer) beginBlock() {
	if w.fixed {
		w.codes = fixedCodes
		w.put(0b010, 3)
		return
	}
	w.block = min(max(2*w.block, firstBlock), maxBlock)
	w.left = w.block
	w.codes.make(&w.tree, &w.learned)
	w.put(0b100, 3)
	w.putCodes()
}

func (w *Writer) endBlock(last bool) {
	w.put(uint64(w.codes.literals[endOfBlock].bits), w.codes.literals[endOfBlock].size())
	if last {
		w.put(0b011, 3) // an empty block of the fixed codes, whose end is seven zeros
		w.put(0, 7)
	}
}

// compress writes window[from:]. What it writes with is in variables: bits, of which
// there are less than eight between two steps. Each step that looks for a match costs
// more than all that is written for it, because the processor cannot guess its end.
func (w *Writer) compress(from int) {
	// No literal takes more than two bytes, and no match more than its own four.
	if need := len(w.out) + 2*(len(w.window)-from) + 16; need > cap(w.out) {
		w.out = append(make([]byte, 0, need+need/2), w.out...)
	}
	window, out, end := w.window, w.out, len(w.window)-tail
	acc, n := w.bits, w.n
	done, back := from, w.back // what is written; how far back the last match was
	for at := from; at < end; {
		long := load64(window, at)
		slot := &w.table[hash(long)]
		here := w.base + uint32(at)
		distance := int(here - *slot)
		*slot = here
		start, skip := at, 8
		if at >= back {
			skip = sameFour(long ^ load64(window, at-back))
		}
		switch {
		case skip == 0: // the last match goes on
		case distance <= min(at, maxDistance) && load32(window, at-distance) == uint32(long):
			back = distance
			for start > done && start > back && window[start-1] == window[start-1-back] {
				start--
			}
		case skip < 8: // it goes on behind a few bytes
			start += skip
			w.table[hash(long>>8)] = here + 1
			w.table[hash(long>>16)] = here + 2
			w.table[hash(long>>24)] = here + 3
		default:
			at += 1 + (at-done)>>6
			continue
		}
		at = start + minMatch
		at += same(window[at-back:], window[at:])
		if done < start {
			out, acc, n = w.literals(out, window[done:start], acc, n)
		}
		done = at
		symbol, extra := distanceSymbol(uint32(back))
		w.learned.distances[symbol]++
		code := w.codes.distances[symbol]
		far, farBits := uint64(code.bits)|extra<<code.size(), code.size()+distanceExtra(symbol)
		for length := at - start; length > 0; {
			part := min(length, maxMatch)
			if rest := length - part; rest > 0 && rest < 3 {
				part -= 3 // no match is shorter
			}
			length -= part
			of := w.codes.lengths[part]
			w.learned.lengths[part]++
			acc |= (uint64(of.bits) | far<<of.size()) << n
			n += of.size() + farBits
			out, acc, n = flush(out, acc, n)
		}
	}
	w.out, w.bits, w.n = w.literals(out, window[done:], acc, n)
	w.back = back
}

// same is how many bytes a and b begin with that are the same; b is the shorter.
func same(a, b []byte) (n int) {
	a = a[:len(b)]
	for ; n <= len(b)-8; n += 8 {
		if x := load64(a, n) ^ load64(b, n); x != 0 {
			return n + bits.TrailingZeros64(x)>>3
		}
	}
	for n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// sameFour is at which byte of x four begin that are zero, the lowest first; 8 for none.
func sameFour(x uint64) int {
	const low = 0x7f7f7f7f7f7f7f7f
	zero := ^((x&low + low) | x | low)
	zero &= zero >> 8
	zero &= zero >> 16
	return bits.TrailingZeros64(zero) >> 3
}

// load32 and load64 are what stands at i.
func load32(b []byte, i int) uint32 { return binary.LittleEndian.Uint32(b[i:]) }

func load64(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i:]) }

// hash is of the first five bytes of a word: shorter matches are mostly digits that
// happen to be the same, and cost more than they save.
func hash(word uint64) uint64 { return word << 24 * 0x9e3779b185ebca87 >> (64 - hashBits) }

// literals writes bytes as they are.
func (w *Writer) literals(out, plain []byte, acc uint64, n uint) ([]byte, uint64, uint) {
	for _, c := range plain {
		w.learned.literals[c]++
		code := w.codes.literals[c]
		acc |= uint64(code.bits) << (n & 63)
		if n += code.size(); n >= 48 {
			out, acc, n = flush(out, acc, n)
		}
	}
	return flush(out, acc, n)
}

// flush writes what there is of whole bytes. There is room for eight.
func flush(out []byte, acc uint64, n uint) ([]byte, uint64, uint) {
	to := len(out)
	out = out[:to+8]
	binary.LittleEndian.PutUint64(out[to:], acc)
	return out[:to+int(n>>3)], acc >> (n &^ 7 & 63), n & 7
}
