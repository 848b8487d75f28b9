package ledgerview

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	exportChunk = 1000      // records that are written together
	maxFileLine = 128 << 20 // a record may be as large as the largest request
)

// export serves GET /api/export: NDJSON, a record a line, the oldest first.
func (v *Viewer) export(w http.ResponseWriter, r *http.Request) {
	p := readParams(r)
	f := p.filter()
	if p.err != nil {
		answerFault(w, p.err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Disposition", `attachment; filename="ledgerview.ndjson"`)
	snap := v.ring.snapshot(0)
	control := http.NewResponseController(w)
	write := func(b []byte) {
		extendWrite(control)
		if _, err := w.Write(b); err != nil {
			panic(http.ErrAbortHandler) // half a file must not look like a whole one
		}
	}
	var c cursor
	var b []byte
	for after := uint64(0); r.Context().Err() == nil && v.life.Err() == nil; {
		hits, _ := search(r.Context(), &snap, &f, after, snap.next, exportChunk, true)
		if len(hits) == 0 {
			return
		}
		b = b[:0]
		for i := range hits {
			c.move(hits[i].view, hits[i].at)
			b = append(c.appendRecord(b, v.sources.own), '\n')
			if len(b) > maxEventLen {
				write(b)
				b = b[:0]
			}
		}
		write(b)
		after = hits[len(hits)-1].id()
	}
	panic(http.ErrAbortHandler)
}

// A LineError says which line of a file is at fault.
type lineError struct {
	line   int
	offset int64 // of the line's beginning
	text   string
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.text) }

// Import reads NDJSON, an export of a viewer or lines as a logger writes them, and returns how many records it kept.
// Unless all of it can be read nothing is kept. What is larger than the viewer's bound keeps its newest records.
func (v *Viewer) Import(r io.Reader) (kept int, err error) {
	kept, _, err = v.importLines(r)
	if err != nil {
		return 0, fmt.Errorf("ledgerview: import: %w", err)
	}
	return kept, nil
}

// importLines collects records in a ring of their own first, so that a fault leaves the viewer's as it is.
func (v *Viewer) importLines(r io.Reader) (kept, known int, err error) {
	staging := newRing(int64(v.ring.maxBytes))
	instance := fmt.Sprintf("file %d", pipes.Add(1))
	in := bufio.NewReaderSize(r, 64<<10)
	var offset int64
	var batch []packed
	for number := 1; ; number++ {
		var size int64
		line, err := readLine(in, maxFileLine, func(b []byte) { size += int64(len(b)) })
		if err != nil && err != io.EOF {
			return 0, 0, err
		}
		fault := &lineError{line: number, offset: offset}
		if size > maxFileLine {
			fault.text = "longer than 128 MiB"
			return 0, 0, fault
		}
		if number == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			rec, ok := v.fileLine(line, instance)
			if !ok {
				fault.text = "no JSON object"
				return 0, 0, fault
			}
			batch = append(batch, staging.pack(&rec))
		}
		if len(batch) == pipeBatch || err == io.EOF {
			staging.add(batch, time.Now())
			batch = batch[:0]
		}
		if err == io.EOF {
			break
		}
		offset += size
	}
	if v.life.Err() != nil {
		return 0, 0, errors.New("the viewer is closed")
	}
	kept, known = v.adopt(staging)
	return kept, known, nil
}

// adopt takes the records of another ring.
func (v *Viewer) adopt(from *ring) (kept, known int) {
	snap := from.snapshot(0)
	v.ring.passedBy(from.count.evicted)
	var c cursor
	for i := range snap.views {
		view := &snap.views[i]
		batch := make([]packed, len(view.rows))
		for at := range view.rows {
			c.move(view, at)
			p := &batch[at]
			p.row, p.labels, p.data = *c.row, *c.labels(), view.data[c.row.at:c.row.at+c.row.size]
			if r := c.route(); r != nil {
				p.route = *r
			}
			if f := c.failure(); f != nil {
				p.failure = *f
			}
			p.logHash = v.ring.hash(string(c.texts().logID))
		}
		known += v.ring.add(batch, time.Now())
		v.runs.stored(batch)
		kept += len(batch)
	}
	return kept - known, known
}

// An exportedRecord is what an export says of a record, beside what a line of a logger would say.
type exportedRecord struct {
	ID          uint64    `json:"id"`
	Received    time.Time `json:"received"`
	Time        time.Time `json:"time"`
	Level       string    `json:"level"`
	LogType     string    `json:"log_type"`
	Importance  string    `json:"importance"`
	Message     string    `json:"message"`
	Service     string    `json:"service"`
	Environment string    `json:"environment"`
	Release     string    `json:"release"`
	LogID       string    `json:"log_id"`
	Run         uint32    `json:"run"`
	Fingerprint string    `json:"fingerprint"`
	Error       *struct {
		Type    string `json:"type"`
		Message string `json:"message"`
		Stack   string `json:"stack"`
	} `json:"error"`
	Verdict *struct {
		Accepted bool   `json:"accepted"`
		Notes    []note `json:"notes"`
	} `json:"verdict"`
	Attributes json.RawMessage `json:"attributes"`
}

// fileLine makes a record of a line of a file.
func (v *Viewer) fileLine(line []byte, instance string) (r record, ok bool) {
	var e exportedRecord
	if bytes.Contains(line, []byte(`"verdict"`)) && json.Unmarshal(line, &e) == nil && e.Verdict != nil && e.ID != 0 {
		r = e.record()
		instance = fmt.Sprintf("%s run %d", instance, e.Run)
	} else if r, ok = jsonLine(line, time.Now()); !ok {
		return r, false
	} else {
		r.noteCuts()
		r.noteMasks()
	}
	r.labels.protocol = "file"
	if r.run == 0 {
		r.run = v.runs.number(&r, instance)
	}
	return r, true
}

func (e *exportedRecord) record() record {
	r := record{
		time: e.Time, received: e.Received, level: lineLevel(appendQuoted(nil, e.Level)), message: e.Message, logID: e.LogID,
		labels:      labels{service: e.Service, environment: e.Environment, release: e.Release, logType: e.LogType, importance: e.Importance},
		refused:     !e.Verdict.Accepted,
		fingerprint: e.Fingerprint,
	}
	if e.Error != nil {
		r.errorType, r.errorMessage, r.stack = e.Error.Type, e.Error.Message, e.Error.Stack
	}
	for _, n := range e.Verdict.Notes {
		if n.Kind != noteRedelivered {
			r.notes = append(r.notes, n)
		}
	}
	if attributes, err := compactJSON(nil, e.Attributes); err == nil && len(attributes) > 2 && attributes[0] == '{' {
		r.attributes = attributes
	}
	return r
}

// importRecords serves POST /api/import.
func (v *Viewer) importRecords(w http.ResponseWriter, r *http.Request) {
	kept, known, err := v.importLines(r.Body)
	var fault *lineError
	switch {
	case errors.As(err, &fault):
		answerJSON(w, http.StatusBadRequest, map[string]any{"error": fault.Error(), "position": fault.offset})
	case err != nil && r.Context().Err() == nil:
		answerError(w, http.StatusBadRequest, "the file could not be read: "+err.Error())
	case err == nil:
		answerJSON(w, http.StatusOK, map[string]int{"imported": kept, "known": known})
	}
}
