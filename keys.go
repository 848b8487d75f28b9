package ledger

import "sync/atomic"

// A keyTable remembers keys of attributes that are plain text, no secret's and
// without a meaning of their own wherever they stand, which is nearly all that a
// program has: what there is to find out of a key is found out once. It holds
// what comes first, and never grows: of a program that makes its keys up, the
// others take the long way. It is safe for concurrent use.
type keyTable struct {
	slots [keySlots]knownKey
}

const (
	keySlots = 512
	maxKnown = len(knownKey{}.text) - len(`"":`)
)

// A knownKey is a key of a [keyTable], as it stands in JSON. It fills one line
// of the processor's cache, which is what finding it takes.
type knownKey struct {
	claimed atomic.Bool   // by the one who writes the rest
	size    atomic.Uint32 // of the key, once it is written
	text    [56]byte      // the key in its quotes, and a colon
}

// find returns what is known of key; nil for nothing.
func (t *keyTable) find(key string) *knownKey {
	if len(key) == 0 {
		return nil
	}
	at := place(key)
	if k := &t.slots[at]; k.is(key) {
		return k
	}
	if k := &t.slots[at^1]; k.is(key) {
		return k
	}
	return nil
}

// place is where key stands, if it is known and the place was free; the one
// beside it comes next.
func place(key string) uint {
	n := len(key)
	return (uint(n)*133 + uint(key[0]) + uint(key[n/2])*219 + uint(key[n-1])*235) % keySlots
}

// learn remembers key, for which ordinary is asked, and returns what find will,
// if there is a place for it; else nil.
func (t *keyTable) learn(key string, ordinary func(string) bool) *knownKey {
	if len(key) == 0 || len(key) > maxKnown {
		return nil
	}
	at := place(key)
	for _, k := range [...]*knownKey{&t.slots[at], &t.slots[at^1]} {
		if k.claimed.Load() {
			continue
		}
		if !ordinary(key) {
			return nil
		}
		if k.claimed.CompareAndSwap(false, true) {
			copy(k.text[:], `"`+key+`":`)
			k.size.Store(uint32(len(key)))
			return k
		}
	}
	return nil
}

func (k *knownKey) is(key string) bool {
	return int(k.size.Load()) == len(key) && string(k.text[1:1+len(key)]) == key
}

// json is the key in its quotes, and a colon; bare is the key alone.
func (k *knownKey) json() []byte { return k.text[:k.size.Load()+3] }
func (k *knownKey) bare() []byte { return k.text[1 : k.size.Load()+1] }

// ordinary reports whether key is plain text without a meaning of its own, and
// no secret's, wherever it stands.
func (rec *recorder) ordinary(key string) bool {
	switch key {
	case "", logTypeKey, importanceKey, endpointKey, traceIDKey, spanIDKey:
		return false
	}
	return isPlain(key) && !rec.secret.masks(key) && !reserved(key)
}
