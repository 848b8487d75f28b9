package buffer

import (
	"cmp"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// A Lost is a message that overflow dropped, and at least how often.
type Lost struct {
	Message string `json:"message"`
	Level   string `json:"level"`
	Count   int64  `json:"count"`
}

const (
	// lostKept is how many different messages are counted at a time, and lostTold how
	// many of them are told.
	lostKept, lostTold = 64, 10
	// lostBytes is how much of a message is kept.
	lostBytes = 100
)

// A sketch counts the messages of entries that were dropped, the commonest of them
// reliably, in little memory: when there are more different ones than it keeps, a new
// one takes the place of the rarest and inherits its count, which is known not to be
// its own (the algorithm is called Space-Saving). Only drops come here.
type sketch struct {
	mu     sync.Mutex
	at     map[string]int // in kept, by level and message
	kept   []lost
	bytes  []byte         // of the key being looked up
	recent [lostKept]int8 // in kept, by guessOf: most of what is lost at once are a few messages
}

type lost struct {
	key       string // the level as one byte, and the message
	count     int64
	inherited int64
}

// add counts an entry, unless it is a notice.
func (s *sketch) add(e *Entry) {
	if e.Notice {
		return
	}
	level, message := e.Format.Head(e.Data, lostBytes)
	s.mu.Lock()
	defer s.mu.Unlock()
	guess := &s.recent[guessOf(message)]
	if i := int(*guess); i >= len(s.kept) || !s.kept[i].is(level, message) {
		*guess = int8(s.find(level, message))
	}
	s.kept[*guess].count++
}

// guessOf is the place in recent that a message has, and others may have too: it is
// cheaper than a hash, and what stands there is compared.
func guessOf(message []byte) int {
	n := len(message)
	if n == 0 {
		return 0
	}
	return (n*31 + int(message[n/2])*7 + int(message[n-1])) % lostKept
}

func (l *lost) is(level wire.Level, message []byte) bool {
	return len(l.key) == 1+len(message) && l.key[0] == byte(level) && l.key[1:] == string(message)
}

// find returns where a message is kept, and makes room for a new one.
func (s *sketch) find(level wire.Level, message []byte) int {
	s.bytes = append(append(s.bytes[:0], byte(level)), message...)
	if i, ok := s.at[string(s.bytes)]; ok {
		return i
	}
	if s.at == nil {
		s.at = make(map[string]int, lostKept)
	}
	of := lost{key: string(s.bytes)}
	if len(s.kept) < lostKept {
		s.at[of.key] = len(s.kept)
		s.kept = append(s.kept, of)
		return len(s.kept) - 1
	}
	rarest := 0
	for i := range s.kept {
		if s.kept[i].count < s.kept[rarest].count {
			rarest = i
		}
	}
	old := &s.kept[rarest]
	delete(s.at, old.key)
	of.inherited, of.count = old.count, old.count
	*old, s.at[of.key] = of, rarest
	return rarest
}

// take returns the commonest messages, and forgets all.
func (s *sketch) take() []Lost {
	s.mu.Lock()
	kept := s.kept
	s.kept, s.at = nil, nil
	s.mu.Unlock()
	slices.SortStableFunc(kept, func(a, b lost) int { return cmp.Compare(b.count-b.inherited, a.count-a.inherited) })
	told := make([]Lost, min(len(kept), lostTold))
	for i := range told {
		l := kept[i]
		message := l.key[1:]
		for !utf8.ValidString(message) { // cut in a character
			message = message[:len(message)-1]
		}
		told[i] = Lost{Message: message, Level: wire.Level(l.key[0]).String(), Count: l.count - l.inherited}
	}
	return told
}
