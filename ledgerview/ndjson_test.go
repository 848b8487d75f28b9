package ledgerview

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestExportAndImport(t *testing.T) {
	p := open(t, nil)
	p.post(202,
		entry(0, "one <&> \u2028", `"log_id":"a","environment":"e","release":"r","attributes":{"service":"s","trace_id":"t","n":1e3,"deep":{"x":[1,null]},"password":"[redacted]"}`),
		failed(1, "two", "*E", "why", 3, `"log_id":"b"`), request(2, "GET", "/x", 500, 12.5), entry(3, strings.Repeat("long ", 1000), `"level":"critical"`))
	p.post(422, entry(4, "refused", `"level":"warn"`))
	before := p.find("")
	status, file := p.do("GET", "/api/export", "")
	if status != 200 || strings.Count(file, "\n") != 5 || !json.Valid([]byte(strings.SplitN(file, "\n", 2)[0])) {
		t.Fatalf("%d %.300s", status, file)
	}
	if status, part := p.do("GET", "/api/export?q=level:error", ""); status != 200 || strings.Count(part, "\n") != 1 {
		t.Errorf("filtered: %s", part)
	}

	// The same again is known by its log_id; what has none comes twice.
	status, answer := p.do("POST", "/api/import", file)
	if status != 200 || strings.TrimSpace(answer) != `{"imported":3,"known":2}` {
		t.Errorf("again: %d %s", status, answer)
	}

	p.do("DELETE", "/api/records", "")
	if status, answer = p.do("POST", "/api/import", file); status != 200 || strings.TrimSpace(answer) != `{"imported":5,"known":0}` {
		t.Fatalf("%d %s", status, answer)
	}
	after := p.find("")
	for i := range after {
		if after[i].Protocol != "file" {
			t.Errorf("protocol %s", after[i].Protocol)
		}
	}
	if diff := cmp.Diff(before, after, cmpopts.IgnoreFields(shown{}, "ID", "Protocol", "Run")); diff != "" {
		t.Errorf("before and after (-want +got):\n%s", diff)
	}
	if found := p.find("verdict:refused"); len(found) != 1 {
		t.Errorf("refused: %v", messages(found))
	}
	var groups struct{ Groups []any }
	if p.get("/api/errors", &groups); len(groups.Groups) != 1 {
		t.Errorf("groups: %v", groups)
	}
}

func TestImportOfLoggersLines(t *testing.T) {
	p := open(t, nil)
	status, answer := p.do("POST", "/api/import", "\ufeff"+`{"time":"2026-04-12T14:00:00Z","level":"INFO","msg":"slog"}`+"\r\n\n"+`{"level":"error","ts":1776002400,"msg":"zap"}`)
	if status != 200 || strings.TrimSpace(answer) != `{"imported":2,"known":0}` {
		t.Fatalf("%d %s", status, answer)
	}
	if got := p.find(""); got[1].Message != "slog" || !got[1].Time.Equal(base) || got[0].Level != "error" || got[0].Protocol != "file" {
		t.Errorf("%+v", got)
	}
}

// A file that is none leaves everything as it was.
func TestImportOfWhatIsNone(t *testing.T) {
	p := open(t, nil)
	p.post(202, entry(0, "was here"))
	good := `{"level":"info","msg":"new"}` + "\n"
	for _, tt := range []struct {
		file     string
		line     string
		position int
	}{
		{good + good + "no JSON\n", "line 3: no JSON object", 2 * len(good)},
		{"[1]", "line 1: no JSON object", 0},
		{good + `{"a":`, "line 2: no JSON object", len(good)},
		{"PK\x03\x04\x00\xff", "line 1: no JSON object", 0},
		{strings.Repeat(good, 3000) + "x", "line 3001: no JSON object", 3000 * len(good)},
	} {
		status, body := p.do("POST", "/api/import", tt.file)
		var got struct {
			Error    string
			Position int
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil || status != 400 || got.Error != tt.line || got.Position != tt.position {
			t.Errorf("%.40q: %d %s", tt.file, status, body)
		}
	}
	if got := p.find(""); len(got) != 1 {
		t.Errorf("%v", messages(got))
	}
	failure := errors.New("cable out")
	if n, err := p.viewer.Import(iotest.ErrReader(failure)); !errors.Is(err, failure) || n != 0 {
		t.Errorf("%d %v", n, err)
	}
	if status, answer := p.do("POST", "/api/import", ""); status != 200 || strings.TrimSpace(answer) != `{"imported":0,"known":0}` {
		t.Errorf("an empty file: %d %s", status, answer)
	}
}

func TestAFileLargerThanTheRing(t *testing.T) {
	p := open(t, &Options{MaxBytes: 1})
	var file strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&file, `{"msg":"m%d","pad":%q}`+"\n", i, strings.Repeat("x", 200))
	}
	if _, err := p.viewer.Import(strings.NewReader(file.String())); err != nil {
		t.Fatal(err)
	}
	st := p.viewer.ring.stats(time.Now())
	if got := p.find("m4999"); len(got) != 1 || st.bytes > p.viewer.ring.maxBytes || st.evicted+st.kept != 5000 || st.received != 5000 {
		t.Errorf("%d found, %+v", len(got), st)
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(`{"id":1,"received":"2026-04-12T14:00:00Z","time":"2026-04-12T14:00:00Z","level":"info","message":"m","verdict":{"accepted":true,"notes":[{"kind":"cut","text":"t"}]},"attributes":{"a":1},"error":{"type":"E","message":"m","stack":"s"},"run":3}`))
	f.Add([]byte("{}\n{\"verdict\":1}\n"))
	f.Add([]byte(`{"message":"m","attributes":{"n":1e400}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		v := New(&Options{MaxBytes: 1})
		defer v.Close()
		n, err := v.Import(strings.NewReader(string(in)))
		if err != nil && n != 0 {
			t.Fatalf("%d and %v", n, err)
		}
		snap := v.ring.snapshot(0)
		var c cursor
		for i := range snap.views {
			for at := range snap.views[i].rows {
				c.move(&snap.views[i], at)
				var r shown
				if err := jsonDecode(c.appendRecord(nil, v.sources.own), &r); err != nil {
					t.Fatalf("%q: %v", in, err)
				}
			}
		}
	})
}
