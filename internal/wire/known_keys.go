package wire

import (
	"sync/atomic"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
)

// A KeyTable remembers the keys of attributes that need no closer look: plain text
// that is no secret's and has no meaning of its own. These are nearly all keys of a
// program, so each is examined only once. The table keeps the keys that come first
// and never grows; others are examined each time. It is safe for concurrent use.
type KeyTable struct {
	slots [keySlots]KnownKey
}

const (
	keySlotBits = 8
	keySlots    = 1 << keySlotBits
	maxKnown    = len(KnownKey{}.text) - len(`":`)
)

// A KnownKey is a key of a [KeyTable], with what follows it in JSON. It fills one
// line of the processor's cache, so finding it costs one access.
type KnownKey struct {
	claimed    atomic.Bool   // by the goroutine that writes the rest
	size       atomic.Uint32 // the key's length; stored last, so that its reader may read the rest
	head, tail uint64        // see ends
	text       [40]byte      // the key, a quote and a colon
}

// Find returns the known key, or nil.
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

// ends are the first and the last bytes of a key, up to eight of each. With its
// length they identify a key of at most 16 bytes.
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

// place is the slot for a key with these ends. If it is taken, the slot beside it
// is next.
func place(head, tail uint64) uint64 {
	return (head*0x9E3779B97F4A7C15 + tail*0xD6E8FEB86659FD93) >> (64 - keySlotBits)
}

// Learn remembers key and returns what Find will return. It returns nil if ordinary
// is false for the key, or both its slots are taken.
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

// AppendJSON appends the key in quotes, and a colon.
func (k *KnownKey) AppendJSON(b []byte) []byte {
	return k.appendText(append(b, '"'), k.Len()+len(`":`))
}

// AppendBare appends the key alone.
func (k *KnownKey) AppendBare(b []byte) []byte { return k.appendText(b, k.Len()) }

// appendText appends size bytes of the text. If there is room it copies all of the
// text, because a copy of constant length is faster than a short one.
func (k *KnownKey) appendText(b []byte, size int) []byte {
	n := len(b)
	if cap(b)-n < len(k.text) {
		return append(b, k.text[:size]...)
	}
	*(*[len(k.text)]byte)(b[n : n+len(k.text)]) = k.text
	return b[:n+size]
}
