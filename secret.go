package ledger

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
)

// redacted stands where a secret was.
const redacted = "[redacted]"

// A secret is a string that no verb, encoder or debugger's print shows: the
// text is behind a function, since fmt prints unexported string fields raw.
type secret struct {
	reveal func() string
	maskIn func(text string) string // replaces the secret, also where it was quoted or escaped
}

func newSecret(s string) secret {
	if s == "" {
		return secret{func() string { return "" }, func(text string) string { return text }}
	}
	quoted := strconv.Quote(s)
	asJSON, _ := json.Marshal(s) // a string always marshals
	var masks []string
	for _, form := range []string{s, quoted[1 : len(quoted)-1], string(asJSON[1 : len(asJSON)-1]), url.QueryEscape(s), url.PathEscape(s)} {
		masks = append(masks, form, redacted)
	}
	return secret{func() string { return s }, strings.NewReplacer(masks...).Replace}
}

func (secret) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(redacted)) }
func (secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
func (secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
