package gzip

import (
	"math/bits"
	"slices"
)

// The alphabets of RFC 1951, 3.2.5.
const (
	endOfBlock   = 256
	firstLength  = 257
	literalCodes = 286
	distances    = 30
	longest      = 15 // bits of a code
)

// A code is the bits of a symbol, the first lowest, and how many they are. Those of a
// length have what follows the symbol with them.
type code struct {
	bits uint32
	n    uint32
}

func (c *code) size() uint { return uint(c.n) & 63 }

// codes are what a block is written with.
type codes struct {
	literals  [literalCodes]code
	lengths   [maxMatch + 1]code
	distances [distances]code
}

// counts are how often symbols were written.
type counts struct {
	literals  [256]uint32
	lengths   [maxMatch + 1]uint32
	distances [distances]uint32
}

// lengthSymbols are each length's symbol, less firstLength, and lengthExtra the bits
// that follow it.
var lengthSymbols, lengthExtra = func() (symbols, extra [maxMatch + 1]uint8) {
	length := 3
	for symbol := range 28 {
		n := 0
		if symbol >= 8 {
			n = symbol/4 - 1
		}
		for range 1 << n {
			symbols[length], extra[length] = uint8(symbol), uint8(n)
			length++
		}
	}
	symbols[maxMatch], extra[maxMatch] = 28, 0
	return symbols, extra
}()

// lengthStarts are the lengths that symbols begin with.
var lengthStarts = func() (starts [29]int) {
	for length := maxMatch; length >= 3; length-- {
		starts[lengthSymbols[length]] = length
	}
	return starts
}()

// distanceSymbol is a distance's symbol and what follows it.
func distanceSymbol(distance uint32) (symbol uint32, extra uint64) {
	d := distance - 1
	if d < 4 {
		return d, 0
	}
	n := uint32(bits.Len32(d)) - 2 // bits that follow
	return 2*n + d>>n, uint64(d & (1<<n - 1))
}

func distanceExtra(symbol uint32) uint { return uint(max(symbol>>1, 1)-1) & 15 }

// make makes codes of what was learned, in which every symbol has one, and lets half of
// that be forgotten.
func (c *codes) make(t *tree, learned *counts) {
	var literals [literalCodes]uint32
	for i := range learned.literals {
		literals[i] = learned.literals[i] + 1
		learned.literals[i] /= 2
	}
	if literals['e']+literals['a'] == 2 { // nothing is known yet
		for c := ' '; c < 127; c++ {
			literals[c] = 16
		}
	}
	literals[endOfBlock] = 1
	for i := range learned.lengths[3:] {
		literals[firstLength+int(lengthSymbols[i+3])] += learned.lengths[i+3]
		learned.lengths[i+3] /= 2
	}
	var far [distances]uint32
	for i := range far {
		far[i] = learned.distances[i] + 1
		learned.distances[i] /= 2
	}
	for i := range literals[firstLength:] {
		literals[firstLength+i]++
	}
	t.assign(c.literals[:], literals[:], longest)
	t.assign(c.distances[:], far[:], longest)
	c.setLengths()
}

// setLengths makes the lengths' codes of their symbols'.
func (c *codes) setLengths() {
	for length := 3; length <= maxMatch; length++ {
		symbol := c.literals[firstLength+int(lengthSymbols[length])]
		follows := uint32(length - lengthStarts[lengthSymbols[length]])
		c.lengths[length] = code{symbol.bits | follows<<symbol.n, symbol.n + uint32(lengthExtra[length])}
	}
}

var fixedCodes = func() (c codes) {
	var sizes [most]uint32
	for i := range sizes {
		switch {
		case i < 144 || i >= 280:
			sizes[i] = 8
		case i < 256:
			sizes[i] = 9
		default:
			sizes[i] = 7
		}
	}
	all := make([]code, most)
	canonical(all, sizes[:])
	copy(c.literals[:], all)
	for i := range c.distances {
		c.distances[i] = code{uint32(bits.Reverse8(uint8(i)) >> 3), 5}
	}
	c.setLengths()
	return c
}()

// most is how many symbols an alphabet has.
const most = 288

// A tree is what Huffman codes are made with: as variables it would make the stacks
// of goroutines grow, time and again.
type tree struct {
	sizes, weights  [most]uint32
	symbols         [most]uint64 // weights, and symbols in the low bits, to be sorted
	heavy           [2 * most]uint64
	parents, depths [2 * most]uint16
}

// assign gives symbols Huffman codes for how often they come, none of them longer than
// limit. A symbol that does not come has none.
func (t *tree) assign(codes []code, often []uint32, limit uint32) {
	sizes, weights := t.sizes[:len(often)], t.weights[:len(often)]
	clear(sizes)
	copy(weights, often)
	for !t.measure(sizes, weights, limit) {
		for i, n := range weights {
			if n > 1 {
				weights[i] = n/2 + 1
			}
		}
	}
	canonical(codes, sizes)
}

// measure sets the sizes of the symbols' codes, and reports whether none is above the
// limit.
func (t *tree) measure(sizes, weights []uint32, limit uint32) bool {
	leaves := 0
	for i, n := range weights {
		if n > 0 {
			t.symbols[leaves] = uint64(n)<<16 | uint64(i)
			leaves++
		}
	}
	symbols := t.symbols[:leaves]
	if leaves == 1 {
		sizes[symbols[0]&0xffff] = 1
		return true
	}
	slices.Sort(symbols)
	heavy, parents, depths := &t.heavy, &t.parents, &t.depths // the nodes: leaves first, the root last
	for i, s := range symbols {
		heavy[i] = s >> 16
	}
	leaf, inner, nodes := 0, leaves, leaves
	lightest := func() int {
		if leaf < leaves && (inner == nodes || heavy[leaf] <= heavy[inner]) {
			leaf++
			return leaf - 1
		}
		inner++
		return inner - 1
	}
	for range leaves - 1 {
		a := lightest()
		b := lightest()
		heavy[nodes] = heavy[a] + heavy[b]
		parents[a], parents[b] = uint16(nodes), uint16(nodes)
		nodes++
	}
	depths[nodes-1] = 0
	for i := nodes - 2; i >= 0; i-- {
		depths[i] = depths[parents[i]] + 1
	}
	for i, s := range symbols {
		if sizes[s&0xffff] = uint32(depths[i]); uint32(depths[i]) > limit {
			return false
		}
	}
	return true
}

// canonical gives symbols the codes that their sizes mean (RFC 1951, 3.2.2).
func canonical(codes []code, sizes []uint32) {
	var next [longest + 2]uint32
	for _, n := range sizes {
		if n > 0 {
			next[n+1]++
		}
	}
	for n := 1; n < len(next); n++ {
		next[n] = (next[n-1] + next[n]) << 1
	}
	for i, n := range sizes {
		codes[i] = code{}
		if n > 0 {
			codes[i] = code{bits.Reverse32(next[n]) >> (32 - n), n}
			next[n]++
		}
	}
}

// codeLengthOrder is the order in which the code lengths' own codes are written.
var codeLengthOrder = [19]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// put writes n bits, at most 48.
func (w *Writer) put(v uint64, n uint) {
	w.bits |= v << w.n
	w.n += n
	for w.n >= 8 {
		w.out = append(w.out, byte(w.bits))
		w.bits >>= 8
		w.n -= 8
	}
}

// putCodes writes the sizes of the codes, which are all that a reader needs (RFC 1951,
// 3.2.7).
func (w *Writer) putCodes() {
	type item struct{ symbol, repeats uint32 }
	var room [literalCodes + distances]item
	items := room[:0]
	var often [19]uint32
	var last, run uint32
	end := func() {
		for run > 0 {
			n := min(run, 6)
			if n < 3 {
				items, often[last], run = append(items, item{symbol: last}), often[last]+1, run-1
				continue
			}
			items, often[16], run = append(items, item{16, n - 3}), often[16]+1, run-n
		}
	}
	add := func(size uint32) {
		if size == last {
			run++
			return
		}
		end()
		last = size
		items, often[size] = append(items, item{symbol: size}), often[size]+1
	}
	for i := range w.codes.literals {
		add(w.codes.literals[i].n)
	}
	for i := range w.codes.distances {
		add(w.codes.distances[i].n)
	}
	end()
	var own [19]code
	w.tree.assign(own[:], often[:], 7)
	w.put(literalCodes-257, 5)
	w.put(distances-1, 5)
	w.put(19-4, 4)
	for _, i := range codeLengthOrder {
		w.put(uint64(own[i].n), 3)
	}
	for _, it := range items {
		w.put(uint64(own[it.symbol].bits), own[it.symbol].size())
		if it.symbol == 16 {
			w.put(uint64(it.repeats), 2)
		}
	}
}
