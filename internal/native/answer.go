package native

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// ReadAnswer reads {"accepted":…,"rejected":…} of a 2xx, and {"detail":…} of
// anything else: an array that names positions for 422, else a string
// (ledger-wire 2.7, 2.8). It reads as a stream, because a 422 quotes the refused
// entries, and takes what it understood when the text breaks off.
func (*Format) ReadAnswer(_ int, body io.Reader, n int) (a wire.Answer) {
	d := json.NewDecoder(body)
	t, err := d.Token()
	if err != nil || t != json.Delim('{') {
		var syntax *json.SyntaxError
		a.Foreign = err == nil || errors.As(err, &syntax)
		return a
	}
	keys := 0
	for ; d.More(); keys++ {
		key, err := d.Token()
		if err != nil {
			return a
		}
		switch key {
		case "rejected":
			var rejected int
			if d.Decode(&rejected) != nil {
				return a
			}
			a.Rejected = min(max(rejected, 0), n)
		case "accepted":
			var accepted json.Number
			if d.Decode(&accepted) != nil {
				return a
			}
			a.Readable = true
		case "errors":
			var first firstText
			if d.Decode(&first) != nil {
				return a
			}
			a.Message = string(first)
		case "detail":
			a.Readable = true
			if !readDetail(&a, d, n) {
				return a
			}
		default:
			var skipped json.RawMessage
			if d.Decode(&skipped) != nil {
				return a
			}
		}
	}
	_, err = d.Token()
	a.Foreign = err == nil && keys > 0 && !a.Readable
	return a
}

var errNotArray = errors.New("not an array of that")

// A firstText is the first of an array of texts. The others, which may be as
// many as an answer holds, are not kept.
type firstText string

func (f *firstText) UnmarshalJSON(text []byte) error {
	tokens, err := firstTokens(text, 1)
	if len(tokens) == 1 {
		s, ok := tokens[0].(string)
		if !ok {
			return errNotArray
		}
		*f = firstText(s)
	}
	return err
}

// A location says where a fault is: ["body","logs",3,"level"].
type location struct {
	position float64
	known    bool
}

func (l *location) UnmarshalJSON(text []byte) error {
	tokens, err := firstTokens(text, 3)
	if len(tokens) == 3 {
		l.position, l.known = tokens[2].(float64)
	}
	return err
}

// firstTokens returns the first n elements of an array; none of null, and none
// that come after one which is no text or number.
func firstTokens(text []byte, n int) (tokens []json.Token, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	t, err := d.Token()
	if t == nil || err != nil {
		return nil, err
	}
	if t != json.Delim('[') {
		return nil, errNotArray
	}
	for len(tokens) < n && d.More() {
		if t, err = d.Token(); err != nil {
			return nil, err
		}
		if _, nested := t.(json.Delim); nested {
			break
		}
		tokens = append(tokens, t)
	}
	return tokens, nil
}

// readDetail reads one "detail"; false when the text broke off.
func readDetail(a *wire.Answer, d *json.Decoder, n int) bool {
	t, err := d.Token()
	if err != nil {
		return false
	}
	if text, ok := t.(string); ok {
		a.Message = text
		return true
	}
	if t != json.Delim('[') {
		return false
	}
	defer func() {
		slices.Sort(a.Positions)
		a.Positions = slices.Compact(a.Positions)
	}()
	for d.More() {
		var fault struct {
			Loc location `json:"loc"`
			Msg string   `json:"msg"`
		}
		if d.Decode(&fault) != nil {
			return false
		}
		if a.Message == "" {
			a.Message = fault.Msg
		}
		if at := fault.Loc; at.known && at.position >= 0 && at.position < float64(n) {
			a.Positions = append(a.Positions, int(at.position))
		}
	}
	_, err = d.Token()
	return err == nil
}
