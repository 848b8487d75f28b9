package spill

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/buffer"
	"github.com/ledger-sdk/ledger-go/internal/native"
	"github.com/ledger-sdk/ledger-go/internal/stats"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// A memory is a buffer of a hundred entries with a spill for it, without a handler.
type memory struct {
	*testing.T
	*Spill[struct{}]
	told   []string
	opened int
	clock  time.Time
}

func newMemory(t *testing.T, dir string) *memory {
	m := &memory{T: t, clock: time.Now()}
	now := func() time.Time { return m.clock }
	count := &stats.Counters{Started: m.clock}
	queue := buffer.NewQueue(buffer.QueueLimits{MaxEntries: 100, MaxBytes: 1 << 20, BatchEntries: 10, BatchBytes: 1 << 20, WakeAbove: Above}, count)
	backlog := buffer.NewBacklog(queue, func(*buffer.Batch[struct{}]) {})
	format := native.New(wire.Program{})
	m.Spill = New(Config{
		Dir: dir, MaxBytes: 1 << 20, BatchBytes: 1 << 20, Now: now,
		Tell: func(topic string, _ slog.Level, _ string, _ ...slog.Attr) bool {
			m.told = append(m.told, topic)
			return true
		},
		Format: func(string) wire.Format { return format },
		Opened: func() { m.opened++ },
	}, backlog, queue, count)
	t.Cleanup(m.Close)
	return m
}

func (m *memory) log(n int) {
	for range n {
		e := buffer.NewEntry(nil)
		e.Seq, e.Format = uint64(m.count.Logged.Add(1)), m.Format("")
		e.Data = fmt.Append(e.Data, "entry ", e.Seq)
		m.queue.Push(e)
	}
}

// want checks where the entries are.
func (m *memory) want(inMemory, spooled, sent int64) {
	m.Helper()
	got := m.count.Tally()
	if got.Unsettled() != inMemory || got.Spooled != spooled || got.Sent != sent || got.TotalDropped != 0 || m.Len() != spooled {
		m.Errorf("%+v, %d on disk; want %d in memory, %d on disk, %d sent", got, m.Len(), inMemory, spooled, sent)
	}
}

// settle is what happens to a batch that the server took.
func (m *memory) settle(batch *buffer.Batch[struct{}]) (texts []string) {
	for _, e := range batch.Empty() {
		texts = append(texts, string(e.Data))
		m.count.Sent.Add(1)
		m.Release(e)
	}
	return texts
}

func TestOldestGoToDiskUnderPressureAndComeBackInOrder(t *testing.T) {
	m := newMemory(t, filepath.Join(t.TempDir(), "spool"))
	m.log(100)
	if kept := m.Relieve(); kept != nil || m.opened != 1 {
		t.Errorf("the disk kept %v, was opened %d times", kept, m.opened)
	}
	m.want(75, 25, 0)
	if batch := m.Read(100); batch != nil {
		t.Errorf("%d entries come back although memory is used", batch.Size())
	}
	for batch := m.backlog.Cut(100, 1<<20); batch != nil; batch = m.backlog.Cut(100, 1<<20) {
		m.settle(batch)
	}
	m.want(0, 25, 75)
	first, second := m.Read(10), m.Read(10)
	m.want(20, 5, 75)
	for i, batch := range []*buffer.Batch[struct{}]{second, first} {
		texts := m.settle(batch)
		if from := 11 - 10*i; texts[0] != fmt.Sprint("entry ", from) || texts[9] != fmt.Sprint("entry ", from+9) {
			t.Errorf("what came back: %q", texts)
		}
	}
	m.want(0, 5, 95)
	if !Spooled(m.Read(10)) {
		t.Error("what came back is not told from others")
	}
}

// What came back goes to the spool again before anything else does: it is there
// already.
func TestWhatCameBackIsPutBackFirst(t *testing.T) {
	m := newMemory(t, filepath.Join(t.TempDir(), "spool"))
	m.log(80)
	m.Relieve()
	for batch := m.backlog.Cut(100, 1<<20); batch != nil; batch = m.backlog.Cut(100, 1<<20) {
		m.settle(batch)
	}
	m.backlog.Hold(m.Read(3))
	m.want(3, 2, 75)
	m.log(74)
	m.Relieve()
	m.want(74, 5, 75)
	if left := m.Keep(m.backlog.Close()); len(left) != 0 {
		t.Errorf("%d entries are left", len(left))
	}
	m.want(0, 79, 75)
	m.Close()
}

// Entries stay in memory while there is no spool, and it is tried again.
func TestEntriesStayInMemoryWithoutASpool(t *testing.T) {
	parent := filepath.Join(t.TempDir(), "later")
	m := newMemory(t, filepath.Join(parent, "spool"))
	m.log(90)
	if m.Open(); m.Root() != nil || m.opened != 0 || len(m.told) != 1 {
		t.Errorf("opened %d times, told %q", m.opened, m.told)
	}
	if err := os.Mkdir(parent, 0o700); err != nil {
		t.Fatal(err)
	}
	m.Relieve()
	m.want(90, 0, 0) // the disk rests
	m.clock = m.clock.Add(rest)
	m.Relieve()
	m.want(75, 15, 0)

	none := newMemory(t, "")
	none.log(90)
	none.Open()
	none.Relieve()
	if left := none.Keep(none.backlog.Close()); len(left) != 90 {
		t.Errorf("%d entries are left, want all", len(left))
	}
	none.Close()
}

// What is in the directory counts as logged by whoever opens it.
func TestEntriesOutliveTheirHandler(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	m := newMemory(t, dir)
	m.log(4)
	if left := m.Keep(m.backlog.Close()); len(left) != 0 || m.opened != 0 {
		t.Errorf("%d entries are left, opened %d times", len(left), m.opened)
	}
	m.Close()
	next := newMemory(t, dir)
	next.Open()
	next.want(0, 4, 0)
	if texts := next.settle(next.Read(10)); texts[3] != "entry 4" {
		t.Errorf("what came back: %q", texts)
	}
	next.want(0, 0, 4)
	next.Close()
}
