package ledger

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNativeAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want answer
	}{
		"all taken":                {`{"accepted":3,"rejected":0,"message":null,"errors":null}`, answer{readable: true}},
		"some rejected":            {`{"accepted":1,"rejected":2,"message":null,"errors":["Log 0: no","Log 2: no"]}`, answer{readable: true, rejected: 2, message: "Log 0: no"}},
		"more rejected than sent":  {`{"accepted":1,"rejected":200}`, answer{readable: true, rejected: 3}},
		"rejected below nothing":   {`{"accepted":1,"rejected":-2}`, answer{readable: true}},
		"cut off after the counts": {`{"accepted":1,"rejected":2,"errors":["Log`, answer{readable: true, rejected: 2}},
		"detail as a text":         {`{"detail":"Invalid gzip body"}`, answer{readable: true, message: "Invalid gzip body"}},
		"positions": {
			`{"detail":[{"type":"literal_error","loc":["body","logs",2,"level"],"msg":"bad","input":{"a":[1]}},{"loc":["body","logs",0,"message"],"msg":"x"},{"loc":["body","logs",2,"y"]}]}`,
			answer{readable: true, positions: []int{0, 2}, message: "bad"},
		},
		"positions cut off": {`{"detail":[{"loc":["body","logs",1,"level"],"msg":"bad"},{"loc":["body","lo`, answer{readable: true, positions: []int{1}, message: "bad"}},
		"positions out of range": {
			`{"detail":[{"loc":["body","logs",3,"level"]},{"loc":["body","logs",-1,"level"]},{"loc":["body","logs"]},{"loc":["body"]},{"loc":["body","logs","1","x"]}]}`,
			answer{readable: true},
		},
		"another's JSON":    {`{"ok":true,"list":[1,{"a":2}]}`, answer{foreign: true}},
		"cut off JSON":      {`{"ok":true,"li`, answer{}},
		"an array":          {`[1,2]`, answer{foreign: true}},
		"a page":            {`<html>`, answer{foreign: true}},
		"a word":            {`OK`, answer{foreign: true}},
		"nothing":           {``, answer{}},
		"no members":        {`{}`, answer{}},
		"wrong types":       {`{"accepted":"many","rejected":"none"}`, answer{}},
		"no texts":          {`{"accepted":0,"rejected":1,"errors":[]}`, answer{readable: true, rejected: 1}},
		"errors of objects": {`{"accepted":0,"rejected":1,"errors":[{"a":1}]}`, answer{readable: true, rejected: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			got := (*ledgerFormat)(nil).readAnswer(0, strings.NewReader(test.body), 3)
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(answer{})); diff != "" {
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
		a := (*ledgerFormat)(nil).readAnswer(422, strings.NewReader(body), n)
		if a.rejected < 0 || a.rejected > n {
			t.Errorf("%d rejected of %d", a.rejected, n)
		}
		for i, position := range a.positions {
			if position < 0 || position >= n || i > 0 && position <= a.positions[i-1] {
				t.Errorf("positions %v", a.positions)
			}
		}
	})
}
