package ledger_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/internal/ingest"
)

// Errors that the server groups together have one cause and one place, whatever
// their types say.
func TestErrorGroupsAreCauses(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		causes := map[string]error{
			"disk": errors.New("disk full"), "host": fmt.Errorf("reach 10.0.0.5: %w", errors.New("no such host")), "closed": fs.ErrClosed,
			"user 17": fmt.Errorf("user %d not found", 17), "user 18": fmt.Errorf("user %d not found", 18),
		}
		for message, err := range causes {
			r.log.Error(message, ledger.Err(err))
		}
		r.log.Error("elsewhere", ledger.Err(causes["disk"]))
		r.mustFlush()
		groups := map[string]string{}
		for _, e := range r.server.Entries() {
			groups[e.Message], _ = ingest.Fingerprint(e.ErrorType, e.StackTrace, e.Platform)
		}
		if len(groups) != 6 {
			t.Fatalf("%d entries", len(groups))
		}
		if groups["user 17"] != groups["user 18"] {
			t.Error("two users who are not there are two groups")
		}
		delete(groups, "user 18")
		different := map[string]string{}
		for message, group := range groups {
			if other := different[group]; other != "" {
				t.Errorf("%q and %q are one group", message, other)
			}
			different[group] = message
		}
	})
}
