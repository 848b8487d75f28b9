package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// leaveOnDisk has a handler leave n entries in dir.
func leaveOnDisk(t *testing.T, protocol ledger.Protocol, dir string, n int) {
	t.Helper()
	inOneBubble(t, protocol, func(o *ledger.Options) { o.SpoolDir = dir }, func(r *rig) {
		r.server.Always(ledgertest.Hang())
		for i := range n {
			r.log.Info(fmt.Sprint("left ", i))
		}
		if err := r.shutdown(time.Second); err != nil {
			r.Error(err)
		}
		if m := r.handler.Metrics().Buffer; m.Spooled != int64(n) {
			r.Fatalf("%d of %d on disk", m.Spooled, n)
		}
	})
}

// Short jobs, one after the other on what an outage left: each waits for the answers to
// what it has sent, so that the next sends nothing again.
func TestShortJobsSendNothingTwice(t *testing.T) {
	forProtocols(t, func(t *testing.T, protocol ledger.Protocol) {
		for _, delay := range []time.Duration{0, 200 * time.Millisecond, 3 * time.Second} {
			dir := t.TempDir()
			leaveOnDisk(t, protocol, dir, 3000)
			arrived := map[string]int{}
			for job := range 3 {
				inOneBubble(t, protocol, func(o *ledger.Options) { o.SpoolDir = dir; from(o, ledgertest.Delay(delay)) }, func(r *rig) {
					r.log.Info(fmt.Sprint("of job ", job))
					if err := r.shutdown(10 * time.Second); err != nil {
						r.Error(err)
					}
					for _, e := range r.server.Received() {
						arrived[e.Message]++
					}
				})
			}
			for message, n := range arrived {
				if n != 1 {
					t.Fatalf("%v: %q arrived %d times", delay, message, n)
				}
			}
			if len(arrived) != 3003 {
				t.Errorf("%v: %d entries arrived, want 3003", delay, len(arrived))
			}
		}
	})
}

// A program that only starts and ends delivers what is on disk, also where Shutdown ends
// a round before its first attempt.
func TestShutdownAtOnceDeliversWhatIsOnDisk(t *testing.T) {
	forProtocols(t, func(t *testing.T, protocol ledger.Protocol) {
		for range 50 {
			dir := t.TempDir()
			leaveOnDisk(t, protocol, dir, 3)
			inOneBubble(t, protocol, func(o *ledger.Options) { o.SpoolDir = dir }, func(r *rig) {
				if err := r.handler.Shutdown(context.Background()); err != nil {
					r.Error(err)
				}
				if m := r.handler.Metrics(); m.Buffer.Spooled != 0 || m.Flusher.TotalLogsSent != 3 {
					r.Errorf("%d of 3 delivered, %d are on disk", m.Flusher.TotalLogsSent, m.Buffer.Spooled)
				}
			})
			if t.Failed() {
				return
			}
		}
	})
}

// Shutdown waits for what is on disk only while the server takes entries.
func TestShutdownLeavesWhatIsOnDiskToAServerThatIsDown(t *testing.T) {
	for name, fault := range map[string]ledgertest.Fault{
		"down": ledgertest.ResetBeforeBody(), "500": ledgertest.Status(500, ""), "429": ledgertest.RetryAfter(429, "3600"), "hangs": ledgertest.Hang(),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			leaveOnDisk(t, ledger.ProtocolLedger, dir, 3000)
			inOneBubble(t, ledger.ProtocolLedger, func(o *ledger.Options) { o.SpoolDir = dir; from(o, fault) }, func(r *rig) {
				r.wait(10 * time.Second)
				began := time.Now()
				if err := r.handler.Shutdown(context.Background()); err != nil {
					r.Error(err)
				}
				if took := time.Since(began); took > 36*time.Second { // an attempt that hangs, at most
					r.Errorf("Shutdown took %v", took)
				}
				if m := r.handler.Metrics().Buffer; m.Spooled != 3000 || m.TotalDropped != 0 {
					r.Errorf("%+v", m)
				}
			})
		})
	}
}

// What is on disk is not lost because the limit is lower at the next start: it goes
// when there is no room for more, and is counted.
func TestLoweredSpoolMaxBytesLosesNothingUncounted(t *testing.T) {
	forProtocols(t, func(t *testing.T, protocol ledger.Protocol) {
		for up, mood := range map[bool]ledgertest.Fault{true: ledgertest.OK(), false: ledgertest.ResetBeforeBody()} {
			dir := t.TempDir()
			leaveOnDisk(t, protocol, dir, 5000)
			inOneBubble(t, protocol, func(o *ledger.Options) { o.SpoolDir, o.SpoolMaxBytes = dir, 100_000; from(o, mood) }, func(r *rig) {
				if m := r.handler.Metrics(); m.Flusher.TotalLogged != 5000 { // it may be reading them already
					r.Errorf("at the start %+v", m)
				}
				r.log.Info("new")
				r.wait(time.Minute)
				r.checkLaw()
				m := r.handler.Metrics()
				if up && (r.stored() != 5001 || m.Buffer.TotalDropped != 0) {
					r.Errorf("%d arrived, %+v", r.stored(), m.Buffer)
				}
				if !up && m.Buffer.TotalDropped == 0 {
					r.Errorf("%+v", m.Buffer)
				}
			})
		}
	})
}

// An entry that is larger than the spool stays in memory, and the others go to disk.
func TestAnEntryLargerThanTheSpoolKeepsNoOtherFromIt(t *testing.T) {
	forProtocols(t, func(t *testing.T, protocol ledger.Protocol) {
		dir := t.TempDir()
		inOneBubble(t, protocol, func(o *ledger.Options) { o.SpoolDir, o.SpoolMaxBytes, o.MaxBufferSize = dir, 40_000, 100 }, func(r *rig) {
			r.server.Always(ledgertest.Hang())
			r.log.Error("large", "text", strings.Repeat("x", 50_000))
			for i := range 50 {
				r.log.Info(fmt.Sprint("small ", i))
			}
			r.wait(5 * time.Second)
			if _, err := os.Stat(filepath.Join(dir, "ledger-0000000000000001.spool")); err != nil {
				r.Error(err)
			}
			for i := range 40 {
				r.log.Info(fmt.Sprint("more ", i))
			}
			_ = r.shutdown(time.Second)
			if m := r.handler.Metrics().Buffer; m.Spooled != 90 || m.TotalDropped != 1 || m.Dropped["closed"] != 1 {
				r.Errorf("%+v", m)
			}
		})
	})
}

// A directory that was removed is made again and used again; what is still in memory is
// on disk again after a while.
func TestSpoolDirThatIsRemovedIsUsedAgain(t *testing.T) {
	forProtocols(t, func(t *testing.T, protocol ledger.Protocol) {
		dir := filepath.Join(t.TempDir(), "spool")
		inOneBubble(t, protocol, func(o *ledger.Options) { o.SpoolDir = dir }, func(r *rig) {
			r.server.Always(ledgertest.Hang())
			r.burst(100)
			r.wait(2 * time.Second)
			if err := os.RemoveAll(dir); err != nil {
				r.Fatal(err)
			}
			r.burst(10)
			r.wait(2 * time.Second)
			if err := r.shutdown(time.Second); err != nil {
				r.Error(err)
			}
			if m := r.handler.Metrics().Buffer; m.Spooled != 110 || m.TotalDropped != 0 {
				r.Errorf("%+v", m)
			}
		})
		inOneBubble(t, protocol, func(o *ledger.Options) { o.SpoolDir = dir }, func(r *rig) {
			r.wait(10 * time.Second)
			if n := r.stored(); n != 110 {
				r.Errorf("%d of 110 arrived", n)
			}
		})
	})
}

// A spool that cannot be used is an issue, and no longer than that.
func TestSpoolThatCannotBeUsedIsAnIssue(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	inOneBubble(t, ledger.ProtocolLedger, func(o *ledger.Options) { o.SpoolDir = dir }, func(r *rig) {
		st := r.handler.Status()
		if text := strings.Join(st.Issues, "; "); st.Status != "degraded" || !strings.Contains(text, "SpoolDir") || !strings.Contains(text, dir) {
			r.Errorf("%+v", st)
		}
		if err := os.Remove(dir); err != nil {
			r.Fatal(err)
		}
		r.wait(11 * time.Second)
		r.log.Info("hello")
		r.wait(time.Second)
		if st := r.handler.Status(); st.Status != "healthy" {
			r.Errorf("%+v", st)
		}
		r.mustFlush()
	})
}

// What was not delivered soon is on disk, is counted as in memory as long as it is there,
// and is gone from disk once it is delivered.
func TestWhatIsNotDeliveredSoonIsOnDisk(t *testing.T) {
	onDisk := func(dir string) (bytes int64) {
		_ = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, _ error) error {
			if strings.HasSuffix(name, ".spool") {
				if info, err := entry.Info(); err == nil {
					bytes += info.Size()
				}
			}
			return nil
		})
		return bytes
	}
	for _, after := range []time.Duration{0, 100 * time.Millisecond, -1} {
		forProtocols(t, func(t *testing.T, protocol ledger.Protocol) {
			dir := t.TempDir()
			inOneBubble(t, protocol, func(o *ledger.Options) { o.SpoolDir, o.SpoolAfter = dir, after }, func(r *rig) {
				r.burst(10)
				r.wait(time.Second)
				if n := onDisk(dir); n > 0 != (after >= 0) {
					r.Errorf("SpoolAfter %v: %d bytes on disk after a second", after, n)
				}
				if m := r.handler.Metrics().Buffer; m.Spooled != 0 || m.CurrentSize+m.InFlight != 10 {
					r.Errorf("%+v", m)
				}
				r.wait(5 * time.Second)
				if n := onDisk(dir); n != 0 || r.stored() != 10 {
					r.Errorf("%d bytes on disk, %d delivered", n, r.stored())
				}
				// Whatever waits: queued, held, or with a server that hangs.
				r.server.Always(ledgertest.Hang())
				r.burst(1500)
				r.wait(5 * time.Second)
				r.burst(10)
				r.wait(time.Second)
				if n := onDisk(dir); after >= 0 && n < 1510*100 {
					r.Errorf("%d bytes of 1510 entries on disk", n)
				}
				if m := r.handler.Metrics().Buffer; m.Spooled != 0 || m.CurrentSize+m.InFlight != 1510 {
					r.Errorf("%+v", m)
				}
			})
		})
	}
}

// A handler that has the spool keeps another from it, which says so.
func TestSecondHandlerOfADirectoryIsDegraded(t *testing.T) {
	dir := t.TempDir()
	inOneBubble(t, ledger.ProtocolLedger, func(o *ledger.Options) { o.SpoolDir = dir }, func(r *rig) {
		second, err := ledger.NewHandler(&ledger.Options{APIKey: ledgertest.APIKey, SpoolDir: dir, Diagnostics: r.notes, HTTPTransport: r.server.Transport()})
		if err != nil {
			r.Fatal(err)
		}
		if st := second.Status(); st.Status != "degraded" || !strings.Contains(strings.Join(st.Issues, " "), "in use by another") {
			r.Errorf("%+v", st)
		}
		if err := errors.Join(second.Shutdown(r.Context()), r.handler.Shutdown(r.Context())); err != nil {
			r.Error(err)
		}
		synctest.Wait()
	})
}
