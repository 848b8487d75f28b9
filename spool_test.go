package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// shutdown ends the rig's handler within d.
func (r *rig) shutdown(d time.Duration) error {
	ctx, cancel := context.WithTimeout(r.Context(), d)
	defer cancel()
	return r.handler.Shutdown(ctx)
}

func TestSpoolKeepsWhatShutdownLeaves(t *testing.T) {
	forProtocols(t, func(t *testing.T, protocol ledger.Protocol) {
		dir := filepath.Join(t.TempDir(), "spool")
		spooling := func(o *ledger.Options) { o.SpoolDir = dir }
		inOneBubble(t, protocol, spooling, func(r *rig) {
			r.server.Always(ledgertest.Hang())
			for i := range 2500 {
				r.log.Info(fmt.Sprint("before ", i))
			}
			if err := r.shutdown(time.Second); err != nil {
				r.Errorf("Shutdown: %v, though nothing was lost", err)
			}
			m := r.handler.Metrics()
			if m.Buffer.Spooled != 2500 || m.Buffer.TotalDropped != 0 {
				r.Errorf("metrics %+v", m.Buffer)
			}
		})
		inOneBubble(t, protocol, spooling, func(r *rig) {
			synctest.Wait()
			r.log.Info("after")
			r.wait(10 * time.Second)
			entries := r.server.Entries()
			if len(entries) != 2501 {
				r.Fatalf("%d entries, want 2501", len(entries))
			}
			seen := make(map[string]bool)
			for _, e := range entries {
				seen[e.Message] = true
			}
			if len(seen) != 2501 {
				r.Errorf("%d different entries", len(seen))
			}
			if m := r.handler.Metrics(); m.Buffer.Spooled != 0 || m.Flusher.TotalLogsSent != 2501 {
				r.Errorf("metrics %+v", m)
			}
		})
		inOneBubble(t, protocol, spooling, func(r *rig) {
			r.wait(10 * time.Second)
			if n := r.stored(); n != 0 {
				r.Errorf("%d entries came again", n)
			}
		})
	})
}

func TestSpoolTakesWhatMemoryCannotHold(t *testing.T) {
	forProtocols(t, func(t *testing.T, protocol ledger.Protocol) {
		dir := t.TempDir()
		inOneBubble(t, protocol, func(o *ledger.Options) { o.SpoolDir, o.MaxBufferSize, o.FlushSize = dir, 1000, 100 }, func(r *rig) {
			r.server.Always(ledgertest.Status(503, ""))
			for i := range 300 {
				for j := range 50 {
					r.log.Info(fmt.Sprint(i*50 + j))
				}
				r.wait(100 * time.Millisecond)
			}
			m := r.handler.Metrics()
			if m.Buffer.TotalDropped != 0 || m.Buffer.Spooled < 14_000 {
				r.Errorf("buffer %+v", m.Buffer)
			}
			r.server.Always(ledgertest.OK())
			r.wait(3 * time.Hour)
			if n := r.stored(); n != 15_000 {
				r.Errorf("%d entries, want 15000; %+v", n, r.handler.Metrics().Buffer)
			}
			if n := r.server.Duplicates(); n != 0 {
				r.Errorf("%d came twice", n)
			}
		})
	})
}

// Half of the requests are new entries' while there is more on disk: who looks at a
// service after an outage sees what it does now.
func TestNewEntriesDoNotWaitForTheDisk(t *testing.T) {
	dir := t.TempDir()
	inOneBubble(t, ledger.ProtocolLedger, func(o *ledger.Options) {
		o.SpoolDir, o.MaxBufferSize, o.FlushSize, o.RequestsPerMinute = dir, 1000, 10, 100_000
	}, func(r *rig) {
		r.server.Always(ledgertest.Status(503, ""))
		for range 100 {
			r.burst(100)
			r.wait(100 * time.Millisecond)
		}
		r.server.Always(ledgertest.Delay(time.Second))
		for r.stored() == 0 {
			r.wait(time.Second)
		}
		r.wait(20 * time.Second) // what was in memory goes first
		for i := range 10 {
			r.log.Info(fmt.Sprint("new ", i))
			r.wait(8 * time.Second)
			if !slices.ContainsFunc(r.server.Entries(), func(e ledgertest.Entry) bool { return e.Message == fmt.Sprint("new ", i) }) {
				r.Errorf("entry %d waits for more than 8 s, with %d on disk", i, r.handler.Metrics().Buffer.Spooled)
			}
		}
		if n := r.handler.Metrics().Buffer.Spooled; n < 1000 {
			r.Errorf("only %d entries are on disk at the end", n)
		}
	})
}

// A few new entries go when they are due, though the next batch from disk is too large
// for what is left of the rate limit.
func TestFewNewEntriesDoNotWaitForALargeBatchOnDisk(t *testing.T) {
	dir := t.TempDir()
	spooling := func(o *ledger.Options) {
		o.SpoolDir, o.SpoolAfter, o.FlushSize, o.RequestsPerMinute = dir, -1, 400, 1000
	}
	inOneBubble(t, ledger.ProtocolOTLP, spooling, func(r *rig) {
		r.server.Always(ledgertest.Status(503, ""))
		r.burst(3000)
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		_ = r.handler.Shutdown(ctx)
	})
	inOneBubble(t, ledger.ProtocolOTLP, spooling, func(r *rig) {
		r.wait(20 * time.Second)
		if n := r.stored(); n != 800 {
			r.Fatalf("%d entries of the disk are stored, want 800", n)
		}
		r.burst(5)
		r.wait(6 * time.Second)
		if n := r.stored(); n != 805 {
			r.Errorf("%d entries are stored, want 805", n)
		}
	})
}

func TestSpoolThatIsFullDropsItsOldest(t *testing.T) {
	forProtocols(t, func(t *testing.T, protocol ledger.Protocol) {
		dir := t.TempDir()
		inOneBubble(t, protocol, func(o *ledger.Options) {
			o.SpoolDir, o.SpoolMaxBytes, o.MaxBufferSize, o.FlushSize = dir, 1<<20, 200, 20
		}, func(r *rig) {
			r.server.Always(ledgertest.Hang())
			text := strings.Repeat("x", 1000)
			for i := range 3000 {
				r.log.Info(fmt.Sprint(i), "text", text)
				if i%20 == 0 {
					r.wait(time.Millisecond)
				}
			}
			m := r.handler.Metrics()
			if m.Buffer.Dropped["overflow"] == 0 || m.Buffer.Spooled == 0 {
				r.Errorf("buffer %+v", m.Buffer)
			}
			r.server.Always(ledgertest.OK())
			r.wait(3 * time.Hour)
			m = r.handler.Metrics()
			notices := 0
			for _, e := range r.server.Entries() {
				if strings.HasPrefix(e.Message, "ledger: dropped") {
					notices++
				}
			}
			if m.Buffer.Spooled != 0 || notices == 0 || int64(r.stored()) != m.Flusher.TotalLogsSent {
				r.Errorf("%d notices, %d stored, %+v", notices, r.stored(), m)
			}
		})
	})
}

func TestSpoolDirThatCannotBeUsedFallsBackToMemory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	inBubble(t, func(o *ledger.Options) { o.SpoolDir = file }, func(r *rig) {
		r.log.Info("hello")
		r.mustFlush()
		if r.stored() != 1 || !strings.Contains(r.told(), "no spool") || !strings.Contains(r.told(), file) {
			r.Errorf("%d entries, diagnostics:\n%s", r.stored(), r.told())
		}
	})
}

func TestSpoolIsOneHandlersOwn(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, func(o *ledger.Options) { o.SpoolDir = dir }, func(r *rig) {
		synctest.Wait()
		second, err := ledger.NewHandler(&ledger.Options{APIKey: ledgertest.APIKey, SpoolDir: dir, Diagnostics: r.notes, HTTPTransport: r.server.Transport()})
		if err != nil {
			r.Fatal(err)
		}
		synctest.Wait()
		if !strings.Contains(r.told(), "in use by another") {
			r.Errorf("diagnostics:\n%s", r.told())
		}
		if err := second.Shutdown(r.Context()); err != nil {
			r.Error(err)
		}
	})
}

// What waited on disk is still of the release that logged it, however often it
// goes there, and whichever protocol it is sent in.
func TestSpooledEntriesKeepTheirOrigin(t *testing.T) {
	forProtocols(t, func(t *testing.T, protocol ledger.Protocol) {
		dir := t.TempDir()
		logAs := func(release, environment string, mood ledgertest.Fault) func(*ledger.Options) {
			return func(o *ledger.Options) {
				o.SpoolDir, o.Release, o.Environment = dir, release, environment
				from(o, mood)
			}
		}
		for i, release := range []string{"1.0", "1.1", "1.2"} {
			inOneBubble(t, protocol, logAs(release, "canary", ledgertest.Hang()), func(r *rig) {
				r.log.Info(release)
				r.wait(10 * time.Second) // what there is on disk is read back
				if err := r.shutdown(time.Second); err != nil {
					r.Error(err)
				}
				if n := r.handler.Metrics().Buffer.Spooled; n != int64(i+1) {
					r.Errorf("%d on disk", n)
				}
			})
		}
		inOneBubble(t, protocol, func(o *ledger.Options) {
			logAs("2.0", "prod", ledgertest.OK())(o)
			o.Protocol = ledger.ProtocolAuto
		}, func(r *rig) {
			r.log.Info("2.0")
			r.wait(time.Minute)
			entries := r.server.Entries()
			for _, e := range entries {
				want := "canary"
				if e.Message == "2.0" {
					want = "prod"
				}
				if e.Release != e.Message || e.Environment != want {
					r.Errorf("%s has release %q and environment %q", e.Message, e.Release, e.Environment)
				}
			}
			if len(entries) != 4 {
				r.Errorf("%d entries", len(entries))
			}
		})
	})
}

// A disk that takes nothing does not keep a guilty batch from being found.
func TestPoisonBesideABrokenSpool(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	inOneBubble(t, ledger.ProtocolLedger, func(o *ledger.Options) { o.MaxBufferSize, o.FlushSize, o.SpoolDir = 100, 10, dir }, func(r *rig) {
		synctest.Wait()
		if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
			r.Fatal(err)
		}
		r.server.Always(ledgertest.Poison(marked("poison"), 500))
		r.log.Info("poison")
		r.burst(90)
		r.wait(6 * time.Hour)
		if n := r.stored(); n != 90 {
			r.Errorf("%d of 90 stored; %+v", n, r.handler.Metrics())
		}
	})
}

// Nor has an entry without an environment that of the process which sends it.
func TestSpooledEntriesWithoutAnEnvironmentKeepNone(t *testing.T) {
	forProtocols(t, func(t *testing.T, protocol ledger.Protocol) {
		dir := t.TempDir()
		inOneBubble(t, protocol, func(o *ledger.Options) { o.SpoolDir, o.Release = dir, "1.0" }, func(r *rig) {
			r.server.Always(ledgertest.Hang())
			r.log.Info("old")
			_ = r.shutdown(time.Second)
		})
		inOneBubble(t, ledger.ProtocolOTLP, func(o *ledger.Options) { o.SpoolDir, o.Release, o.Environment = dir, "2.0", "prod" }, func(r *rig) {
			r.wait(time.Minute)
			if e := r.server.Entries(); len(e) != 1 || e[0].Release != "1.0" || e[0].Environment != "" {
				r.Errorf("%+v", e)
			}
		})
	})
}

// Of two processes that overlap, as at a deployment, the second has the spool
// once the first has gone.
func TestSpoolIsTakenOverWhenItsOwnerHasGone(t *testing.T) {
	forProtocols(t, func(t *testing.T, protocol ledger.Protocol) {
		dir := t.TempDir()
		inOneBubble(t, protocol, func(o *ledger.Options) { o.SpoolDir = dir }, func(r *rig) {
			r.server.Always(ledgertest.Hang())
			synctest.Wait()
			options := ledger.Options{APIKey: ledgertest.APIKey, Protocol: protocol, SpoolDir: dir, Diagnostics: r.notes, HTTPTransport: r.server.Transport()}
			second, err := ledger.NewHandler(&options)
			if err != nil {
				r.Fatal(err)
			}
			r.log.Info("of the first")
			slog.New(second).Info("of the second")
			if err := r.shutdown(time.Second); err != nil {
				r.Error(err)
			}
			ctx, cancel := context.WithTimeout(r.Context(), time.Second)
			defer cancel()
			if err := second.Shutdown(ctx); err != nil {
				r.Error(err)
			}
			if m := second.Metrics(); m.Buffer.Spooled != 2 || m.Buffer.TotalDropped != 0 || lawBroken(m) {
				r.Errorf("%+v", m)
			}
		})
	})
}

// from has the server be in a mood before the handler starts, which may send at once
// what it finds on disk.
func from(o *ledger.Options, mood ledgertest.Fault) {
	o.HTTPTransport.(countingTransport).rig.server.Always(mood)
}

func TestPoisonInTheSpoolCostsItself(t *testing.T) {
	guilty := func(e ledgertest.Entry) bool { return e.Message == "guilty" }
	forProtocols(t, func(t *testing.T, protocol ledger.Protocol) {
		for _, code := range []int{400, 413, 422, 500} {
			dir := t.TempDir()
			inOneBubble(t, protocol, func(o *ledger.Options) { o.SpoolDir = dir; from(o, ledgertest.Hang()) }, func(r *rig) {
				r.burst(100)
				r.log.Info("guilty")
				r.burst(100)
				if err := r.shutdown(time.Second); err != nil {
					r.Error(err)
				}
			})
			inOneBubble(t, protocol, func(o *ledger.Options) { o.SpoolDir = dir; from(o, ledgertest.Poison(guilty, code)) }, func(r *rig) {
				if m := r.handler.Metrics().Flusher; m.TotalLogged != 201 {
					r.Errorf("%d of 201 on disk", m.TotalLogged)
				}
				r.wait(3 * time.Hour)
				m := r.handler.Metrics()
				if n := r.stored(); n != 200 || m.Buffer.TotalDropped != 1 || m.Buffer.Spooled != 0 || m.Buffer.InFlight != 0 {
					r.Errorf("%d: %d of 200 stored, %+v", code, n, m.Buffer)
				}
			})
		}
	})
}

// Entries that were read back go to disk again when memory runs short, and then
// they are there once: their first record is let go.
func TestEntriesReadBackAndWrittenAgainAreOnDiskOnce(t *testing.T) {
	forProtocols(t, func(t *testing.T, protocol ledger.Protocol) {
		dir := filepath.Join(t.TempDir(), "spool")
		inOneBubble(t, protocol, func(o *ledger.Options) {
			o.SpoolDir, o.MaxBufferSize, o.FlushSize, o.HTTPPoolSize = dir, 100, 100, 1
		}, func(r *rig) {
			r.server.Always(ledgertest.Hang())
			logged := 400
			for i := range logged {
				r.log.Info(fmt.Sprint("entry ", i))
				synctest.Wait()
			}
			// What is read back is refused and halved; while one half hangs, the
			// other is in memory, and memory runs short.
			var taken atomic.Bool
			r.server.SetFault(func(q *ledgertest.Request) ledgertest.Fault {
				switch {
				case taken.Load():
					return ledgertest.Hang()
				case len(q.Entries) == 25: // a quarter of the budget: read back
					taken.Store(true)
					return ledgertest.Status(413, "")
				}
				return ledgertest.OK()
			})
			for range 600 {
				if taken.Load() {
					break
				}
				r.wait(time.Second)
			}
			if !taken.Load() {
				r.Fatal("nothing was read back")
			}
			for range 200 {
				r.log.Info(fmt.Sprint("entry ", logged))
				logged++
				r.wait(time.Millisecond)
			}
			if err := r.shutdown(time.Second); err != nil {
				r.Errorf("Shutdown: %v", err)
			}
			m := r.handler.Metrics()
			if lawBroken(m) || m.Buffer.InFlight != 0 || m.Buffer.TotalDropped != 0 || m.Flusher.TotalLogsSent+m.Buffer.Spooled != int64(logged) {
				r.Errorf("%d logged, metrics %+v", logged, m)
			}
		})
	})
}
