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
	keySlots = 512 // for a program's 50 keys, one or two pairs collide
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
	k := t.slot(key)
	if int(k.size.Load()) != len(key) || string(k.text[1:1+len(key)]) != key {
		return nil
	}
	return k
}

// slot is where key stands, if it is known. For the names that programs use, as
// a rule, the numbers make few of them collide.
func (t *keyTable) slot(key string) *knownKey {
	n := len(key)
	hash := uint(n)*133 + uint(key[0]) + uint(key[n/2])*219 + uint(key[n-1])*235
	return &t.slots[hash%keySlots]
}

// learn remembers key and returns what find will, if nothing stands in its place
// yet; else nil.
func (t *keyTable) learn(key string) *knownKey {
	if len(key) == 0 || len(key) > maxKnown {
		return nil
	}
	k := t.slot(key)
	if !k.claimed.CompareAndSwap(false, true) {
		return nil
	}
	copy(k.text[:], `"`+key+`":`)
	k.size.Store(uint32(len(key)))
	return k
}

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
