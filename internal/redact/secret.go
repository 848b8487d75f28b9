package redact

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
)

// Mask replaces a secret.
const Mask = "[redacted]"

// A Secret is a string that no verb and no encoder prints. The text is behind
// functions, because fmt prints even unexported string fields.
type Secret struct {
	Reveal func() string
	MaskIn func(text string) string // replaces the secret in text, also where it is quoted or escaped
}

// NewSecret returns s as a Secret.
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
