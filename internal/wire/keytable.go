package wire

import (
	"sync/atomic"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
)

// A KeyTable remembers keys of attributes that are plain text, no secret's and
// without a meaning of their own wherever they stand, which is nearly all that a
// program has: what there is to find out of a key is found out once. It holds
// what comes first, and never grows: of a program that makes its keys up, the
// others take the long way. It is safe for concurrent use.
type KeyTable struct {
	slots [keySlots]KnownKey
}

const (
	keySlotBits = 9
	keySlots    = 1 << keySlotBits
	maxKnown    = len(KnownKey{}.text) - len(`":`)
)

// A KnownKey is a key of a [KeyTable], with what follows it in JSON. It fills one
// line of the processor's cache, which is what finding it takes.
type KnownKey struct {
	claimed    atomic.Bool   // by the one who writes the rest
	size       atomic.Uint32 // of the key; stored last, so that who has read it may read the rest
	head, tail uint64        // its ends
	text       [40]byte      // the key, a quote and a colon
}

// Find returns what is known of key; nil for nothing.
func (t *KeyTable) Find(key string) *KnownKey {
	if len(key) == 0 {
		return nil
	}
	head, tail := ends(key)
	at := place(head, tail)
	if k := &t.slots[at]; k.is(key, head, tail) {
		return k
	}
	if k := &t.slots[at^1]; k.is(key, head, tail) {
		return k
	}
	return nil
}

// ends are the first and the last bytes of a key, eight if it has so many; with
// its length they tell it from any other of at most 16 bytes.
func ends(key string) (head, tail uint64) {
	switch n := len(key); {
	case n >= 8:
		return jsontext.Load64(key), jsontext.Load64(key[n-8:])
	case n >= 4:
		return jsontext.Load32(key), jsontext.Load32(key[n-4:])
	default:
		return uint64(key[0]), uint64(key[n/2])<<8 | uint64(key[n-1])
	}
}

// place is where the key with these ends stands, if it is known and the place
// was free; the one beside it comes next.
func place(head, tail uint64) uint64 {
	return (head*0x9E3779B97F4A7C15 + tail*0xD6E8FEB86659FD93) >> (64 - keySlotBits)
}

// Learn remembers key, for which ordinary is asked, and returns what find will,
// if there is a place for it; else nil.
func (t *KeyTable) Learn(key string, ordinary func(string) bool) *KnownKey {
	if len(key) == 0 || len(key) > maxKnown {
		return nil
	}
	head, tail := ends(key)
	at := place(head, tail)
	for _, k := range [...]*KnownKey{&t.slots[at], &t.slots[at^1]} {
		if k.claimed.Load() {
			continue
		}
		if !ordinary(key) {
			return nil
		}
		if k.claimed.CompareAndSwap(false, true) {
			k.head, k.tail = head, tail
			copy(k.text[:], key+`":`)
			k.size.Store(uint32(len(key)))
			return k
		}
	}
	return nil
}

func (k *KnownKey) is(key string, head, tail uint64) bool {
	n := len(key)
	return int(k.size.Load()) == n && k.head == head && k.tail == tail && (n <= 16 || string(k.text[8:n-8]) == key[8:n-8])
}

// Len is the key's length.
func (k *KnownKey) Len() int { return int(k.size.Load()) }

// AppendJSON appends the key in its quotes, and a colon; AppendBare the key alone.
func (k *KnownKey) AppendJSON(b []byte) []byte {
	return k.appendText(append(b, '"'), k.Len()+len(`":`))
}

func (k *KnownKey) AppendBare(b []byte) []byte { return k.appendText(b, k.Len()) }

// appendText appends size bytes of the text. Where there is room it copies all of
// it: that the length is always the same is worth more than that it is short.
func (k *KnownKey) appendText(b []byte, size int) []byte {
	n := len(b)
	if cap(b)-n < len(k.text) {
		return append(b, k.text[:size]...)
	}
	*(*[len(k.text)]byte)(b[n : n+len(k.text)]) = k.text
	return b[:n+size]
}
