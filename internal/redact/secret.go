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

// maxQuoted bounds what is quoted of others, in bytes.
const maxQuoted = 200

// Quote returns what somebody said, such as a server, as it may be told: without the
// secret, on one line, and at most 200 bytes of it.
func (s Secret) Quote(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(s.MaskIn(text), "�")), " ")
	if len(text) <= maxQuoted {
		return text
	}
	return strings.ToValidUTF8(text[:maxQuoted], "") + "…"
}

func (Secret) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(Mask)) }
func (Secret) MarshalText() ([]byte, error) { return []byte(Mask), nil }
func (Secret) LogValue() slog.Value         { return slog.StringValue(Mask) }
