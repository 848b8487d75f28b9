package spool_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/internal/spool"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// A disk notes what of a directory was synced: that, and nothing more, outlives a loss
// of power. What was written or removed since is as it was.
type disk struct {
	dir string

	mu      sync.Mutex
	names   []string // of the files, when the directory was last synced
	content map[string][]byte
}

// synced notes what a file holds that is being synced.
func (d *disk) synced(file *os.File) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if info, err := file.Stat(); err != nil || info.IsDir() {
		d.names = nil
		entries, _ := os.ReadDir(d.dir)
		for _, e := range entries {
			d.names = append(d.names, e.Name())
		}
		return
	}
	name := filepath.Base(file.Name())
	if content, err := os.ReadFile(filepath.Join(d.dir, name)); err == nil {
		d.content[name] = content
	}
}

// afterLoss makes a directory of what outlives a loss of power now.
func (d *disk) afterLoss(t *testing.T) (dir string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	dir = t.TempDir()
	for _, name := range d.names {
		if err := os.WriteFile(filepath.Join(dir, name), d.content[name], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A loss of power costs what was logged within SpoolAfter and SpoolSync, and no more,
// whenever it comes; what was delivered may come again, under the same log_id.
func TestLossOfPowerCostsTheLastSeconds(t *testing.T) {
	for _, protocol := range []ledger.Protocol{ledger.ProtocolLedger, ledger.ProtocolOTLP} {
		for name, mood := range map[string]ledgertest.Fault{"server hangs": ledgertest.Hang(), "server is well": ledgertest.OK()} {
			for _, after := range []time.Duration{time.Second, 200 * time.Millisecond} {
				t.Run(fmt.Sprint(protocol, " ", name, " ", after), func(t *testing.T) { losePower(t, protocol, mood, after, after) })
			}
		}
	}
}

func losePower(t *testing.T, protocol ledger.Protocol, mood ledgertest.Fault, after, sync time.Duration) {
	served := ledgertest.Native
	if protocol == ledger.ProtocolOTLP {
		served = ledgertest.OTLP
	}
	d := &disk{dir: t.TempDir(), content: map[string][]byte{}}
	defer spool.OnSync(d.synced)()
	logged := map[string]time.Time{}
	delivered := map[string]string{} // log_ids
	most := 0
	synctest.Test(t, func(t *testing.T) {
		server := ledgertest.NewInMemory(ledgertest.WithProtocol(served), ledgertest.WithRateLimits(0, 0), ledgertest.WithDailyQuota(0))
		defer server.Close()
		server.Always(mood)
		open := func(dir string, server *ledgertest.Server) *ledger.Handler {
			h, err := ledger.NewHandler(&ledger.Options{
				APIKey: ledgertest.APIKey, Protocol: protocol, HTTPTransport: server.Transport(), Diagnostics: slog.DiscardHandler,
				SpoolDir: dir, SpoolAfter: after, SpoolSync: sync, RequestsPerMinute: 1e6, RequestsPerHour: 1e6,
			})
			if err != nil {
				t.Fatal(err)
			}
			return h
		}
		h := open(d.dir, server)
		log := slog.New(h)
		for i := range 200 * 12 {
			message := fmt.Sprint("entry ", i)
			logged[message] = time.Now()
			log.Info(message)
			time.Sleep(5 * time.Millisecond)
			synctest.Wait()
			if i%97 != 96 {
				continue
			}
			for _, e := range server.Entries() {
				delivered[e.Message] = e.LogID
			}
			next := ledgertest.NewInMemory(ledgertest.WithProtocol(served), ledgertest.WithRateLimits(0, 0), ledgertest.WithDailyQuota(0))
			again := open(d.afterLoss(t), next)
			time.Sleep(time.Millisecond)
			synctest.Wait()
			if err := again.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			found := map[string]bool{}
			for _, e := range next.Entries() {
				found[e.Message] = true
				if id, ok := delivered[e.Message]; ok && id != e.LogID {
					t.Errorf("%s is delivered again under another log_id", e.Message)
				}
			}
			next.Close()
			lost := 0
			for message, at := range logged {
				if _, ok := delivered[message]; ok || found[message] {
					continue
				}
				lost++
				if age := time.Since(at); age > after+sync+50*time.Millisecond {
					t.Fatalf("%s is lost, %v after it was logged", message, age)
				}
			}
			most = max(most, lost)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_ = h.Shutdown(ctx)
		synctest.Wait()
	})
	t.Logf("at most %d entries lost, of 200 a second", most)
	if most == 0 {
		t.Error("nothing was ever lost: no power was")
	}
}
