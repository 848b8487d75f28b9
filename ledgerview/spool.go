package ledgerview

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/ingest"
	"github.com/ledger-sdk/ledger-go/internal/spool"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// Spool keeps the records that a handler left in its spool directory (ledger.Options.SpoolDir), and returns how many
// it kept. It changes nothing there; the handler may go on meanwhile. Records that the handler has delivered are not
// shown. What can be read is kept even when there is an error about the rest.
func (v *Viewer) Spool(dir string) (kept int, err error) {
	var batch []record
	now := time.Now()
	unread := 0
	flush := func() {
		kept += len(batch) - v.store(batch)
		batch = batch[:0]
	}
	skipped, err := spool.Look(dir, func(r spool.Record) {
		path := spooledPath(r.Protocol)
		entries := ingest.Decode(spooledRequest(path, r.Data), now)
		if len(entries.Entries) != 1 {
			unread++
			return
		}
		entry := &entries.Entries[0]
		var origin wire.Origin // of OTLP entries, which do not say themselves whose they are
		if json.Unmarshal([]byte(r.Label), &origin) == nil {
			entry.Environment = cmp.Or(entry.Environment, origin.Environment)
			entry.Release = cmp.Or(entry.Release, origin.Release)
		}
		batch = append(batch, fromEntry(entry, path, now, requestBlame(entries)))
		if len(batch) == pipeBatch {
			flush()
		}
	})
	flush()
	if err == nil && skipped+unread > 0 {
		err = fmt.Errorf("ledgerview: spool %s: %d parts could not be read", dir, skipped+unread)
	}
	return kept, err
}

func spooledPath(protocol string) string {
	if protocol == "otlp" {
		return ingest.PathLogs
	}
	return ingest.PathSingle
}

// spooledRequest makes the request of one spooled entry: Ledger's own is a request of its own, and an OTLP entry is a
// LogRecord with its tag, which only lacks what it lies in.
func spooledRequest(path string, data []byte) ingest.Request {
	if path == ingest.PathSingle {
		return ingest.Request{Path: path, ContentType: "application/json", Body: append([]byte(nil), data...)}
	}
	const scopeLogs, resourceLogs = 2<<3 | 2, 1<<3 | 2
	return ingest.Request{Path: path, ContentType: "application/x-protobuf", Body: protoField(resourceLogs, protoField(scopeLogs, data))}
}

func protoField(tag byte, data []byte) []byte {
	b := binary.AppendUvarint([]byte{tag}, uint64(len(data)))
	return append(b, data...)
}
