package ledger

import (
	"encoding/json"
	"io"
	"slices"
)

// readAnswer reads {"accepted":…,"rejected":…} of a 2xx, and {"detail":…} of
// anything else: an array that names positions for 422, else a string
// (ledger-wire 2.7, 2.8). It reads as a stream, because a 422 quotes the refused
// entries, and takes what it understood when the text breaks off.
func (*ledgerFormat) readAnswer(_ int, body io.Reader, n int) (a answer) {
	d := json.NewDecoder(body)
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return a
	}
	for d.More() {
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
			a.rejected = min(max(rejected, 0), n)
		case "accepted":
			var accepted json.Number
			if d.Decode(&accepted) != nil {
				return a
			}
			a.readable = true
		case "errors":
			var texts []string
			if d.Decode(&texts) != nil {
				return a
			}
			if len(texts) > 0 {
				a.message = texts[0]
			}
		case "detail":
			a.readable = true
			if !a.readDetail(d, n) {
				return a
			}
		default:
			var skipped json.RawMessage
			if d.Decode(&skipped) != nil {
				return a
			}
		}
	}
	return a
}

// readDetail reads one "detail"; false when the text broke off.
func (a *answer) readDetail(d *json.Decoder, n int) bool {
	t, err := d.Token()
	if err != nil {
		return false
	}
	if text, ok := t.(string); ok {
		a.message = text
		return true
	}
	if t != json.Delim('[') {
		return false
	}
	defer func() {
		slices.Sort(a.positions)
		a.positions = slices.Compact(a.positions)
	}()
	for d.More() {
		var fault struct {
			Loc []any  `json:"loc"` // ["body","logs",3,"level"]
			Msg string `json:"msg"`
		}
		if d.Decode(&fault) != nil {
			return false
		}
		if a.message == "" {
			a.message = fault.Msg
		}
		if len(fault.Loc) < 3 {
			continue
		}
		if position, ok := fault.Loc[2].(float64); ok && position >= 0 && position < float64(n) {
			a.positions = append(a.positions, int(position))
		}
	}
	_, err = d.Token()
	return err == nil
}
