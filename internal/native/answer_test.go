package native

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

func TestNativeAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want wire.Answer
	}{
		"all taken":                {`{"accepted":3,"rejected":0,"message":null,"errors":null}`, wire.Answer{Readable: true}},
		"some rejected":            {`{"accepted":1,"rejected":2,"message":null,"errors":["Log 0: no","Log 2: no"]}`, wire.Answer{Readable: true, Rejected: 2, Message: "Log 0: no"}},
		"more rejected than sent":  {`{"accepted":1,"rejected":200}`, wire.Answer{Readable: true, Rejected: 3}},
		"rejected below nothing":   {`{"accepted":1,"rejected":-2}`, wire.Answer{Readable: true}},
		"cut off after the counts": {`{"accepted":1,"rejected":2,"errors":["Log`, wire.Answer{Readable: true, Rejected: 2}},
		"detail as a text":         {`{"detail":"Invalid gzip body"}`, wire.Answer{Readable: true, Message: "Invalid gzip body"}},
		"positions": {
			`{"detail":[{"type":"literal_error","loc":["body","logs",2,"level"],"msg":"bad","input":{"a":[1]}},{"loc":["body","logs",0,"message"],"msg":"x"},{"loc":["body","logs",2,"y"]}]}`,
			wire.Answer{Readable: true, Positions: []int{0, 2}, Message: "bad"},
		},
		"positions cut off": {`{"detail":[{"loc":["body","logs",1,"level"],"msg":"bad"},{"loc":["body","lo`, wire.Answer{Readable: true, Positions: []int{1}, Message: "bad"}},
		"positions out of range": {
			`{"detail":[{"loc":["body","logs",3,"level"]},{"loc":["body","logs",-1,"level"]},{"loc":["body","logs"]},{"loc":["body"]},{"loc":["body","logs","1","x"]}]}`,
			wire.Answer{Readable: true},
		},
		"another's JSON":    {`{"ok":true,"list":[1,{"a":2}]}`, wire.Answer{Foreign: true}},
		"cut off JSON":      {`{"ok":true,"li`, wire.Answer{}},
		"an array":          {`[1,2]`, wire.Answer{Foreign: true}},
		"a page":            {`<html>`, wire.Answer{Foreign: true}},
		"a word":            {`OK`, wire.Answer{Foreign: true}},
		"nothing":           {``, wire.Answer{}},
		"no members":        {`{}`, wire.Answer{}},
		"wrong types":       {`{"accepted":"many","rejected":"none"}`, wire.Answer{}},
		"no texts":          {`{"accepted":0,"rejected":1,"errors":[]}`, wire.Answer{Readable: true, Rejected: 1}},
		"errors of objects": {`{"accepted":0,"rejected":1,"errors":[{"a":1}]}`, wire.Answer{Readable: true, Rejected: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			got := (*Format)(nil).ReadAnswer(0, strings.NewReader(test.body), 3)
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(wire.Answer{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func FuzzNativeAnswer(f *testing.F) {
	f.Add(`{"accepted":1,"rejected":2,"errors":["Log 0: x"]}`)
	f.Add(`{"detail":[{"loc":["body","logs",2,"level"],"msg":"bad"}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		const n = 5
		a := (*Format)(nil).ReadAnswer(422, strings.NewReader(body), n)
		if a.Rejected < 0 || a.Rejected > n {
			t.Errorf("%d rejected of %d", a.Rejected, n)
		}
		for i, position := range a.Positions {
			if position < 0 || position >= n || i > 0 && position <= a.Positions[i-1] {
				t.Errorf("positions %v", a.Positions)
			}
		}
	})
}
