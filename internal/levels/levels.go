// Package levels reads slog's levels as people write them: in variables, and in requests
// that change one.
//
// Package ledger calls it. It must never know what is logged at a level.
package levels

import (
	"fmt"
	"log/slog"
	"math"
	"strings"

	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// Off is above every level.
type Off struct{}

func (Off) Level() slog.Level { return math.MaxInt }

// Parse reads slog's names and offsets, Python's WARNING and CRITICAL, and OFF, in any
// case. The result is a [slog.Level] or [Off].
func Parse(text string) (slog.Leveler, error) {
	name := strings.ToUpper(text)
	switch name {
	case "WARNING":
		name = "WARN"
	case "CRITICAL", "FATAL":
		return wire.CriticalFrom, nil
	case "OFF":
		return Off{}, nil
	}
	var level slog.Level
	if level.UnmarshalText([]byte(name)) != nil {
		return nil, notALevel(text)
	}
	return level, nil
}

func notALevel(text string) error {
	return fmt.Errorf("%q is not a level: want a name such as INFO or WARN+2", text)
}
