package ledgerview

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// fill stores n records of about size bytes.
func fill(v *Viewer, n, size int, logID func(i int) string) {
	var batch []record
	for i := range n {
		batch = append(batch, record{
			time: base.Add(time.Duration(i) * time.Millisecond), received: base, message: fmt.Sprintf("record %d", i), logID: logID(i),
			attributes: []byte(`{"v":"` + strings.Repeat("x", size) + `"}`), labels: labels{service: "s"},
		})
	}
	v.store(batch)
}

func noLogID(int) string { return "" }

func TestMemoryIsBounded(t *testing.T) {
	for _, maxBytes := range []int64{1, 1 << 20, 3 << 20} {
		for _, size := range []int{10, 300, 5000, 100_000, 2 << 20} {
			v := New(&Options{MaxBytes: maxBytes})
			random := rand.New(rand.NewPCG(1, uint64(size)))
			for range 12 {
				fill(v, min(1000, 4<<20/size), size, func(i int) string { return fmt.Sprint(random.IntN(1 << 40)) })
				st := v.ring.stats(time.Now())
				if st.bytes > v.ring.maxBytes {
					t.Fatalf("max %d, records of %d: %d bytes", v.ring.maxBytes, size, st.bytes)
				}
				if st.received != st.kept+st.evicted+st.redelivered {
					t.Fatalf("%+v", st)
				}
				if st.kept == 0 {
					t.Fatalf("max %d, records of %d: nothing is kept", v.ring.maxBytes, size)
				}
			}
			st := v.ring.stats(time.Now())
			if uint64(len(v.ring.seen)) > st.kept {
				t.Errorf("%d log_ids of %d records", len(v.ring.seen), st.kept)
			}
			v.Close()
		}
	}
}

// What is counted is what is held, within a quarter and some.
func TestWhatIsCountedIsHeld(t *testing.T) {
	v := New(&Options{MaxBytes: 32 << 20})
	defer v.Close()
	before := heap()
	for range 60 {
		fill(v, 2000, 250, func(i int) string { return fmt.Sprintf("id-%d-%d", i, rand.Int()) })
	}
	counted := v.ring.stats(time.Now()).bytes
	if held := int(heap() - before); counted < 24<<20 || held > counted*5/4 {
		t.Errorf("counted %d, held %d", counted, held)
	}
}

func TestEvictedRecordsAreCounted(t *testing.T) {
	p := open(t, &Options{MaxBytes: 1 << 20})
	for range 10 {
		fill(p.viewer, 1000, 300, noLogID)
	}
	var st struct {
		Received, Kept, Evicted uint64
		First                   uint64 `json:"first_id"`
		Bytes                   int
		MaxBytes                int `json:"max_bytes"`
	}
	p.get("/api/stats", &st)
	if st.Received != 10000 || st.Kept+st.Evicted != 10000 || st.Evicted == 0 || st.First != st.Evicted+1 || st.Bytes > st.MaxBytes || st.MaxBytes != 1<<20 {
		t.Errorf("%+v", st)
	}
	var list shownList
	p.get("/api/records?limit=10000", &list)
	if uint64(len(list.Records)) != st.Kept || list.More || list.Records[0].ID != 10000 {
		t.Errorf("%d records", len(list.Records))
	}
}

// A record that was evicted is not known any more: it shows again.
func TestARedeliveryOfAnEvictedRecord(t *testing.T) {
	v := New(&Options{MaxBytes: 1})
	defer v.Close()
	fill(v, 1, 10, func(int) string { return "x" })
	fill(v, 3000, 300, noLogID)
	fill(v, 1, 10, func(int) string { return "x" })
	if st := v.ring.stats(time.Now()); st.redelivered != 0 || st.evicted == 0 {
		t.Errorf("%+v", st)
	}
}

func TestARecordTooLargeForTheRing(t *testing.T) {
	p := open(t, &Options{MaxBytes: 1})
	p.post(202, entry(0, strings.Repeat("m", 9000), `"attributes":{"v":"`+strings.Repeat("x", 90000)+`","service":"s"}`))
	got := p.find("")
	if len(got) != 1 || len(got[0].Verdict.Notes) == 0 || got[0].Verdict.Notes[0].Kind != noteCut || len(got[0].Attributes) != 0 || got[0].Service != "s" {
		t.Errorf("%.400v", got)
	}
}

func TestTheRateIsOfTheLastSeconds(t *testing.T) {
	var m meter
	at := time.Unix(1_800_000_000, 0)
	if got := m.rate(at); got != 0 {
		t.Errorf("at first: %v", got)
	}
	for range 10 {
		m.add(at, 100)
		at = at.Add(time.Second)
	}
	if got := m.rate(at); got != 100 {
		t.Errorf("100 a second are %v", got)
	}
	if got := m.rate(at.Add(3 * time.Second)); got != 40 {
		t.Errorf("3 s later: %v", got)
	}
	if got := m.rate(at.Add(time.Hour)); got != 0 {
		t.Errorf("an hour later: %v", got)
	}
	m.add(at.Add(time.Hour), 5)
	if got := m.rate(at.Add(time.Hour + time.Second)); got != 1 {
		t.Errorf("after a pause: %v", got)
	}
}
