package ledgerview

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestQueries(t *testing.T) {
	p := open(t, nil)
	p.post(202,
		entry(0, "order Created", `"environment":"prod","attributes":{"service":"shop-api","user":{"id":42,"name":"Zoë"},"path":"C:\\dir\\","tags":["red","blue"],"ok":true,"nothing":null,"n":"17"}`),
		entry(1, "order refused: card declined", `"level":"warning","attributes":{"service":"shop-api","user":{"id":"42"},"peer":{"service":"bank"},"items":[{"sku":"a-1"},{"sku":"b-2"}]}`),
		entry(2, "GET /x - 503", `"level":"error","log_type":"endpoint","attributes":{"service":"web","endpoint":{"method":"GET","path":"/x/{id}","status_code":503,"duration_ms":251.5},"request_id":"r-1"}`),
		entry(3, "GET /x - 200", `"log_type":"endpoint","attributes":{"service":"web","endpoint":{"method":"GET","path":"/x/{id}","status_code":200,"duration_ms":9}}`),
		entry(4, "boom", `"level":"critical","release":"v1.2","log_type":"exception","error_type":"*fs.PathError","error_message":"open: No Space","stack_trace":"File \"a.go\", line 1","log_id":"lid-7"`),
		entry(5, `say "hi" 50% (done) tab	end`, `"level":"debug","attributes":{"http.route":"/flat","quote":"a \"q\" b","status":"active"}`),
	)
	all := []string{"order Created", "order refused: card declined", "GET /x - 503", "GET /x - 200", "boom", `say "hi" 50% (done) tab	end`}
	for _, tt := range []struct {
		q    string
		want string // digits: which of them
	}{
		{"", "012345"}, {"   ", "012345"},
		{"order", "01"}, {"ORDER", "01"}, {"order created", "0"}, {"created order", "0"}, {`"order created"`, "0"}, {`"created order"`, ""},
		{"card OR boom", "14"}, {"order -card", "0"}, {"-order", "2345"}, {"order (created OR refused)", "01"}, {"-(order OR boom)", "235"},
		{"order or boom", ""}, {"--order", "01"}, {"-level:info -order", "245"},
		{"space", "4"}, {"patherror", "4"}, {"red", "0"}, {"zoË", "0"}, {"user", ""}, {"message", ""}, {"service", ""}, {`"c:\\dir\\"`, "0"}, {`"\"hi\""`, "5"},
		{"true", "0"}, {"17", "0"}, {"251.5", "2"}, {"prod", "0"}, {"bank", "1"}, {"critical", "4"}, {"v1.2", "4"}, {"lid-7", "4"}, {`"tab	end"`, "5"}, {"tab end", "5"},
		{"level:error", "2"}, {"level:warn", "1"}, {"level:WARNING", "1"}, {"level:>=warn", "124"}, {"level:>warn", "24"}, {"level:<info", "5"}, {"level:<=info", "035"}, {"level:crit*", "4"},
		{"user.id:42", "01"}, {"attributes.user.id:42", "01"}, {"id:42", ""}, {"user.name:zoë", "0"}, {"name:ZOË", "0"}, {"sku:b-2", "1"}, {"items.sku:a*", "1"}, {"tags:blue", "0"}, {"tags:bl", ""},
		{"service:shop-api", "01"}, {"service:shop*", "01"}, {"service:*", "0123"}, {"service:bank", ""}, {"peer.service:bank", "1"}, {"-service:web", "0145"},
		{"duration_ms:>250", "2"}, {"endpoint.duration_ms:<=9", "3"}, {"duration_ms:>=9 duration_ms:<200", "3"}, {"n:>16", "0"}, {"n:>17", ""}, {"user.id:<43", "01"}, {"name:>1", ""},
		{"status:503", "2"}, {"status:5*", "2"}, {"status:active", "5"}, {"status:>=200", "23"}, {"method:get", "23"}, {"route:/x/{id}", "23"}, {"path:/x/*", "23"}, {`path:"C:\\dir\\"`, "0"},
		{"type:*fs.PathError", "4"}, {`type:"*fs.patherror"`, "4"}, {"error.message:*space", "4"}, {"env:prod", "0"}, {"environment:prod", "0"}, {"release:v1*", "4"}, {"log_type:endpoint", "23"}, {"protocol:ledger", "012345"},
		{"request_id:r-1", "2"}, {"log_id:lid*", "4"}, {"run:1", "01"}, {"run:>=2", "2345"}, {"id:3", "2"}, {"id:>=5", "45"}, {"http.route:/flat", "5"}, {"ok:true", "0"}, {"nothing:null", "0"},
		{"has:error", "4"}, {"has:request_id", "2"}, {"has:endpoint", "23"}, {"has:user", "01"}, {"has:id", "012345"}, {"has:nothing", ""}, {"has:release", "4"}, {"has:endpoint.path", "23"}, {"has:status", "235"}, {"has:sku", "1"}, {"has:use", ""},
		{"time:>=2026-04-12T14:00:04Z", "45"}, {"time:2026-04-12T14:00:00*", "0"}, {"verdict:accepted", "012345"}, {"verdict:refused", ""}, {"verdict:Cut", ""},
		{`message:"order created"`, "0"}, {"message:order*", "01"}, {"message:*50%*", "5"}, {`quote:"a \"q\" b"`, "5"}, {"http://x", ""}, {":x", ""}, {"a:b:c", ""}, {"-", "01234"},
		{`level:error OR (order "card declined")`, "12"}, {"boom OR order created", "04"},
	} {
		got := ""
		for _, r := range p.find(tt.q) {
			got += string(rune('0' + slices.Index(all, r.Message)))
		}
		b := []byte(got)
		slices.Sort(b)
		if string(b) != tt.want {
			t.Errorf("%q finds %q, want %q", tt.q, b, tt.want)
		}
	}
}

func TestQueryFaults(t *testing.T) {
	for _, tt := range []struct {
		q        string
		position int
		text     string
	}{
		{`"open`, 0, "this quote is not closed"},
		{`a key:"open`, 6, "this quote is not closed"},
		{`a OR`, 2, "OR needs something after it"},
		{`OR a`, 0, "OR needs something before it"},
		{`a OR OR b`, 2, "OR needs something after it"},
		{`(a OR) b`, 3, "OR needs something after it"},
		{`(OR b)`, 1, "OR needs something before it"},
		{`(a`, 0, "this parenthesis is not closed"},
		{`b (`, 2, "this parenthesis is not closed"},
		{`a (b (c)`, 2, "this parenthesis is not closed"},
		{`a)`, 1, "no parenthesis is open here"},
		{`)`, 0, "no parenthesis is open here"},
		{`()`, 0, "nothing between the parentheses"},
		{`a ""`, 2, "nothing between the quotes"},
		{`-OR a`, 0, "- needs something after it"},
		{`x key:`, 2, "key: needs a value"},
		{`level:loud`, 6, `no level "loud": debug, info, warn, error or critical`},
		{`level:>=loud`, 8, `no level "loud": debug, info, warn, error or critical`},
		{`ms:>`, 4, "> needs a number after it"},
		{`ms:>=fast`, 5, ">= needs a number after it"},
		{`time:>noon`, 6, "a time such as 2026-01-02T15:04:05Z is needed here"},
		{`verdict:good`, 8, `no verdict "good": accepted, refused, cut, masked, lost, analytics, forwarded or redelivered`},
		{`é "open`, 2, "this quote is not closed"},
	} {
		_, err := parseQuery(tt.q)
		var fault *queryError
		if !errors.As(err, &fault) || fault.position != tt.position || fault.text != tt.text {
			t.Errorf("%q: %+v; want %d %q", tt.q, err, tt.position, tt.text)
		}
	}
}

// No query may panic, and every fault must be told at a place within the query.
func FuzzQuery(f *testing.F) {
	for _, q := range []string{`a "b c" k:v -x OR (y z)`, `level:>=warn ms:>250 status:5* has:e`, `"\"\\`, `((((`, "-", `a:"é*"`, `time:>2026-04-12T14:00:04Z`} {
		f.Add(q)
	}
	v := New(nil)
	f.Cleanup(func() { v.Close() })
	attributes, err := compactJSON(nil, []byte(`{"a":{"b":[1,"x\n\"",{"é":null}]},"endpoint":{"method":"GET","path":"/","status_code":200,"duration_ms":1}}`))
	if err != nil {
		f.Fatal(err)
	}
	v.store([]record{{
		time: base, received: base, message: "a message", errorType: "E", errorMessage: "e", stack: "s", logID: "l", attributes: attributes,
		notes: []note{{noteCut, "p", "t"}},
	}})
	f.Fuzz(func(t *testing.T, q string) {
		match, err := parseQuery(q)
		var fault *queryError
		if errors.As(err, &fault) {
			if fault.position < 0 || fault.position > len(q) || fault.text == "" {
				t.Fatalf("%q: %+v", q, fault)
			}
			return
		}
		if err != nil || match == nil && strings.TrimSpace(q) != "" && !isSpace(q) {
			t.Fatalf("%q: %v", q, err)
		}
		snap := v.ring.snapshot(0)
		found, scanned := search(t.Context(), &snap, &filter{match: match, from: minTime, to: maxTime}, 0, snap.next, 10, false)
		if scanned != 1 || len(found) > 1 {
			t.Fatalf("%q: %d of %d", q, len(found), scanned)
		}
	})
}

func isSpace(q string) bool { return len(strings.Fields(q)) == 0 }

func TestAQueryEndsWithItsRequest(t *testing.T) {
	p := open(t, nil)
	p.post(202, entry(0, "a"))
	ctx, cancel := contextEnded(t)
	defer cancel()
	snap := p.viewer.ring.snapshot(0)
	if hits, _ := search(ctx, &snap, &everything, 0, snap.next, 10, false); len(hits) != 0 {
		t.Errorf("found %d after the end", len(hits))
	}
}

func TestDeepQueries(t *testing.T) {
	q := strings.Repeat("(", maxQuery/2-1) + "a" + strings.Repeat(")", maxQuery/2-1)
	if _, err := parseQuery(q); err != nil {
		t.Error(err)
	}
	// Were asterisks tried in every combination, this would not end.
	p := open(t, nil)
	p.post(202, entry(0, strings.Repeat("a", 9000)))
	if got := p.find("message:" + strings.Repeat("a*", 1000)); len(got) != 1 {
		t.Errorf("found %d", len(got))
	}
	if got := p.find("message:" + strings.Repeat("a*", 1000) + "b"); len(got) != 0 {
		t.Errorf("found %d", len(got))
	}
}

// The short cut through the text of attributes must find what a walk over all of them finds.
func FuzzAttribute(f *testing.F) {
	f.Add(`{"a":{"b":1,"a.b":[2,{"b":"x"}]},"ab":3,"a\"b":4,"s":"\"b\":1","b":{},"b":null}`, "b", "1")
	f.Add(`{"x":{"a.b":1},"a":{"b":2}}`, "a.b", "2")
	f.Fuzz(func(t *testing.T, text, key, value string) {
		attributes, err := compactJSON(nil, []byte(text))
		if err != nil || attributes[0] != '{' || key == "" {
			t.Skip()
		}
		v := New(&Options{MaxBytes: 1})
		defer v.Close()
		v.store([]record{{time: base, received: base, attributes: attributes}})
		snap := v.ring.snapshot(0)
		var c cursor
		c.move(&snap.views[0], 0)
		test := valueTest{lower: strings.ToLower(value)}
		want := false
		var w leafWalk
		w.leaves(attributes, func(path, leaf []byte) bool {
			want = want || endsPath(path, []byte(key)) && test.text(c.valueText(leaf))
			return true
		})
		if got := matchAttribute(key, &test)(&c); got != want {
			t.Errorf("%s:%s in %s: %v", key, value, attributes, got)
		}
	})
}
