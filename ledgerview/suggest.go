package ledgerview

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

const (
	suggestRecords = 20000 // that are looked at, the newest
	suggestCount   = 20
	suggestValues  = 20000 // different ones that are counted
	suggestLength  = 200   // bytes of a value; longer ones are no suggestion
)

// A suggestion is a key, or a value, and in how many of the records it stands.
type suggestion struct {
	text  string
	count int
}

// getSuggestions serves GET /api/suggest.
func (v *Viewer) getSuggestions(w http.ResponseWriter, r *http.Request) {
	p := readParams(r)
	f := p.filter()
	key, prefix := p.values.Get("key"), strings.ToLower(p.values.Get("prefix"))
	if p.err != nil {
		answerFault(w, p.err)
		return
	}
	snap := v.ring.snapshot(0)
	from := snap.next - min(snap.next, suggestRecords+1)
	hits, _ := search(r.Context(), &snap, &f, from, snap.next, suggestRecords, false)
	counts := map[string]int{}
	note := func(text []byte) {
		if n, ok := counts[string(text)]; ok || len(counts) < suggestValues && len(text) > 0 && len(text) <= suggestLength {
			counts[string(text)] = n + 1
		}
	}
	var c cursor
	for _, h := range hits {
		c.move(h.view, h.at)
		if key == "" {
			c.walk.leaves(c.texts().attributes, func(path, _ []byte) bool {
				note(path)
				return true
			})
		} else {
			c.values(key, note)
		}
	}
	name, field := "keys", "key"
	if key != "" {
		name, field = "values", "value"
	}
	list := []map[string]any{}
	for _, s := range commonest(counts, prefix) {
		list = append(list, map[string]any{field: s.text, "count": s.count})
	}
	answerJSON(w, http.StatusOK, map[string]any{name: list})
}

// values calls note with each value of the record that a query finds by key.
func (c *cursor) values(key string, note func([]byte)) {
	key = strings.TrimPrefix(key, "attributes.")
	if f, ok := fields[key]; ok {
		note(f(c, nil))
		return
	}
	wanted, alias := []byte(key), aliases[key]
	if f, ok := fields[alias]; ok {
		note(f(c, nil))
		alias = ""
	}
	c.walk.leaves(c.texts().attributes, func(path, value []byte) bool {
		if endsPath(path, wanted) || alias != "" && endsPath(path, []byte(alias)) {
			note(c.valueText(value))
		}
		return true
	})
}

// commonest returns the texts that hold prefix, those that begin with it first, the commonest first.
func commonest(counts map[string]int, prefix string) []suggestion {
	var list []suggestion
	for text, n := range counts {
		if strings.Contains(strings.ToLower(text), prefix) {
			list = append(list, suggestion{text, n})
		}
	}
	rank := func(s suggestion) int {
		if strings.HasPrefix(strings.ToLower(s.text), prefix) {
			return 0
		}
		return 1
	}
	slices.SortFunc(list, func(a, b suggestion) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.count, a.count), cmp.Compare(a.text, b.text))
	})
	return list[:min(len(list), suggestCount)]
}
