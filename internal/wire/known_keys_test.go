package wire

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestKeyTableKnowsOnlyWhatItLearnt(t *testing.T) {
	keys := &KeyTable{}
	any := func(string) bool { return true }
	longest := strings.Repeat("k", maxKnown)
	for _, key := range []string{"method", "a", "ab", "abc", "abcd", "exactly8", "seventeen letters", longest} {
		if keys.Find(key) != nil {
			t.Errorf("%q is known before it was learnt", key)
		}
		learnt := keys.Learn(key, any)
		if learnt == nil || keys.Find(key) != learnt || string(learnt.AppendJSON(nil)) != `"`+key+`":` || string(learnt.AppendBare(nil)) != key {
			t.Errorf("%q: learnt %v, found %v", key, learnt, keys.Find(key))
		}
	}
	for _, key := range []string{"", longest + "k", strings.Repeat("k", maxKnown/2) + "x" + strings.Repeat("k", maxKnown-maxKnown/2-1), "methoD", "nethod", "metho", "methods", "b"} {
		if keys.Find(key) != nil {
			t.Errorf("%q is known", key)
		}
	}
	for _, key := range []string{"", longest + "k"} {
		if keys.Learn(key, any) != nil {
			t.Errorf("%q is learnt", key)
		}
	}
}

// Of keys that would stand in the same place two do, and what is not ordinary
// takes none.
func TestKeyTableCollisions(t *testing.T) {
	keys := &KeyTable{}
	same := map[uint64][]string{}
	for i := range 5000 {
		key := fmt.Sprint("key", i)
		at := place(ends(key)) &^ 1
		same[at] = append(same[at], key)
	}
	for _, all := range same {
		if keys.Learn(all[0], func(string) bool { return false }) != nil || keys.Find(all[0]) != nil {
			t.Fatalf("%q is not ordinary and was learnt", all[0])
		}
		for i, key := range all {
			learnt := keys.Learn(key, func(string) bool { return true }) != nil
			if learnt != (i < 2) || learnt != (keys.Find(key) != nil) {
				t.Fatalf("%q, number %d in its place: learnt %v", key, i, learnt)
			}
		}
	}
}

func TestKeyTableIsSharedByGoroutines(t *testing.T) {
	keys := &KeyTable{}
	any := func(string) bool { return true }
	var all []string
	for i := range 200 {
		all = append(all, strings.Repeat(string(rune('a'+i%26)), 1+i/26))
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, key := range all {
				if k := keys.Find(key); k != nil && string(k.AppendBare(nil)) != key {
					t.Errorf("%q found as %q", key, k.AppendBare(nil))
				}
				keys.Learn(key, any)
			}
		})
	}
	wg.Wait()
}
