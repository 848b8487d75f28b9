package ledgerview

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// Print writes each record that comes in to w, a line each, until ctx ends or the viewer is closed, and returns nil
// then. It returns an error when w fails. When records come in faster than w takes them, those that were evicted
// meanwhile are counted in a line of their own.
func (v *Viewer) Print(ctx context.Context, w io.Writer) error { return v.Printer(w)(ctx) }

// Printer returns a function that prints, as [Viewer.Print] does, the records that come in after this call: one that
// another goroutine runs misses none. Each call of it begins there.
func (v *Viewer) Printer(w io.Writer) func(context.Context) error {
	last := v.ring.stats(time.Now()).last
	return func(ctx context.Context) error { return v.printAfter(ctx, w, last) }
}

func (v *Viewer) printAfter(ctx context.Context, w io.Writer, last uint64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(v.life, cancel)()
	for {
		select {
		case <-v.ring.wait(last + 1):
		case <-ctx.Done():
			return nil
		}
		snap := v.ring.snapshot(last + 1)
		if missed := snap.first() - min(last+1, snap.first()); missed > 0 {
			if _, err := fmt.Fprintf(w, "… %d records were evicted before they could be printed\n", missed); err != nil {
				return fmt.Errorf("ledgerview: print: %w", err)
			}
		}
		hits, _ := search(ctx, &snap, &everything, last, snap.next, exportChunk, true)
		var b []byte
		var c cursor
		for i := range hits {
			c.move(hits[i].view, hits[i].at)
			b = c.appendLine(b)
		}
		if _, err := w.Write(b); err != nil {
			return fmt.Errorf("ledgerview: print: %w", err)
		}
		if last = snap.next - 1; len(hits) == exportChunk {
			last = hits[exportChunk-1].id()
		}
	}
}

// appendLine appends a record as a line for a terminal. Control characters are escaped, so that no record can steer it.
func (c *cursor) appendLine(b []byte) []byte {
	t, l := c.texts(), c.labels()
	b = time.UnixMicro(c.row.time).Local().AppendFormat(b, "15:04:05.000")
	b = fmt.Appendf(b, " %-8s %-9s ", c.row.level, l.logType)
	if l.service != "" {
		b = appendVisible(append(b, '['), l.service)
		b = append(b, "] "...)
	}
	b = appendVisible(b, string(t.message))
	if f := c.failure(); f != nil {
		b = appendVisible(b, "  "+f.kind+": "+string(t.errorMessage))
	}
	if len(t.attributes) > 0 {
		b = appendVisible(append(b, "  "...), string(t.attributes))
	}
	if c.row.flags&flagRefused != 0 {
		b = append(b, "  (refused)"...)
	}
	return append(b, '\n')
}

// appendVisible appends text with what is not to be seen as it is escaped.
func appendVisible(b []byte, text string) []byte {
	for _, r := range text {
		if r == 0x7f || r < 0x20 || r >= 0x80 && r < 0xa0 || strings.ContainsRune("\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff", r) {
			b = fmt.Appendf(b, "\\u%04x", r)
		} else {
			b = append(b, string(r)...)
		}
	}
	return b
}
