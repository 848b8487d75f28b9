package native

import (
	"encoding/json"
	"errors"
	"io"
	"slices"

	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// ReadAnswer reads {"accepted":…,"rejected":…} of a 2xx, and {"detail":…} of any
// other status: an array that names positions for a 422, otherwise a string
// (ledger-wire 2.7, 2.8). A 422 quotes the refused entries, so the text may break
// off at the caller's bound. ReadAnswer keeps what it read until then.
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
		var number int
		var value any
		switch key {
		case "rejected":
			err = d.Decode(&number)
			a.Rejected = min(max(number, 0), n)
		case "accepted":
			err = d.Decode(&number)
			a.Readable = a.Readable || err == nil
		case "errors":
			err = d.Decode(&value)
			if texts, ok := value.([]any); ok && len(texts) > 0 {
				a.Message, _ = texts[0].(string)
			}
		case "detail":
			a.Readable = true
			err = readDetail(&a, d, n)
		default:
			err = d.Decode(&value)
		}
		if err != nil {
			return a
		}
	}
	_, err = d.Token()
	a.Foreign = err == nil && keys > 0 && !a.Readable
	return a
}

var errNotDetail = errors.New("neither a text nor a list of faults")

// readDetail reads the value of "detail". Its error says that the text broke off.
func readDetail(a *wire.Answer, d *json.Decoder, n int) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	if text, ok := t.(string); ok {
		a.Message = text
		return nil
	}
	if t != json.Delim('[') {
		return errNotDetail
	}
	defer func() {
		slices.Sort(a.Positions)
		a.Positions = slices.Compact(a.Positions)
	}()
	for d.More() {
		var fault struct {
			Loc []any  `json:"loc"` // ["body","logs",3,"level"]
			Msg string `json:"msg"`
		}
		if err := d.Decode(&fault); err != nil {
			return err
		}
		if a.Message == "" {
			a.Message = fault.Msg
		}
		if len(fault.Loc) > 2 {
			if at, ok := fault.Loc[2].(float64); ok && at >= 0 && at < float64(n) {
				a.Positions = append(a.Positions, int(at))
			}
		}
	}
	_, err = d.Token()
	return err
}
