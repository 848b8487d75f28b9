package redact

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
)

// Mask stands where a secret was.
const Mask = "[redacted]"

// A Secret is a string that no verb, encoder or debugger's print shows: the
// text is behind a function, since fmt prints unexported string fields raw.
type Secret struct {
	Reveal func() string
	MaskIn func(text string) string // replaces the secret, also where it was quoted or escaped
}

func NewSecret(s string) Secret {
	if s == "" {
		return Secret{func() string { return "" }, func(text string) string { return text }}
	}
	quoted := strconv.Quote(s)
	asJSON, _ := json.Marshal(s) // a string always marshals
	var masks []string
	for _, form := range []string{s, quoted[1 : len(quoted)-1], string(asJSON[1 : len(asJSON)-1]), url.QueryEscape(s), url.PathEscape(s)} {
		masks = append(masks, form, Mask)
	}
	return Secret{func() string { return s }, strings.NewReplacer(masks...).Replace}
}

func (Secret) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(Mask)) }
func (Secret) MarshalText() ([]byte, error) { return []byte(Mask), nil }
func (Secret) LogValue() slog.Value         { return slog.StringValue(Mask) }
