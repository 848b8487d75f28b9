package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go/ledgerview"
)

func TestEmptyPageSaysWhatToDo(t *testing.T) {
	t.Parallel()
	s := serve(t)
	p := open(t, s.url(""))
	p.wait("it says how to begin", `document.querySelector('#blank h2')?.textContent === 'No records yet'`)
	for _, want := range []string{"export LEDGER_BASE_URL=http://" + s.addr + "\\nexport LEDGER_API_KEY=ledger_", "curl http://" + s.addr + "/api/v1/ingest/single", "| ledgerview -stdin"} {
		p.is("it shows "+want, fmt.Sprintf("document.querySelector('#blank').innerText.includes('%s')", want))
	}
	s.send(entry{"message": "hello"})
	p.wait("the first record takes its place", rowWith("hello")+` && document.querySelector('#blank').hidden && !document.querySelector('#histogram').hidden`)
}

func TestPageWorksUnderAPrefix(t *testing.T) {
	t.Parallel()
	viewer := ledgerview.New(nil)
	mux := http.NewServeMux()
	mux.Handle("/debug/ledger/", http.StripPrefix("/debug/ledger", viewer))
	outer := httptest.NewServer(mux)
	t.Cleanup(outer.Close) // after the viewer has ended its streams, and the tab is closed
	t.Cleanup(func() { viewer.Close() })
	p := open(t, outer.URL+"/debug/ledger/")
	p.wait("it says its own address", fmt.Sprintf(`document.querySelector('#blank')?.innerText.includes('curl %s/debug/ledger/api/v1/ingest/single')`, outer.URL))
}

func TestFaultIsABannerAndEnds(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.sendMany(10, "poll")
	p := open(t, s.url(""))
	p.click(query("#fault-button"))
	p.wait("the menu opens", `document.querySelector('#faults').matches(':popover-open')`)
	p.click(`[...document.querySelectorAll('#faults li button')].find(el => el.textContent.startsWith('503'))`)
	p.wait("a banner says so", `document.querySelector('#status.fault [role=alert]')?.textContent.includes('Fault on: 503')`)
	p.is("the button, too", `document.querySelector('#fault-label').textContent.startsWith('503')`)
	p.click(query("#status .btn"))
	p.wait("Stop ends it", `!document.querySelector('#status').classList.contains('fault')`)
}

func TestPageLeftOpenThroughARestart(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.sendMany(60, "before")
	p := open(t, s.url(""))
	p.wait("the records show", rowWith("before 60"))
	s.stop()
	p.wait("the lost connection is an alert", `document.querySelector('#status.lost [role=alert]')`)
	p.is("what is shown stays", rowWith("before 60"))
	s.start()
	s.sendMany(5, "after")
	p.click(query("#status .btn"))
	p.wait("records of the new viewer show", rowWith("after 5"))
	p.wait("the banner is gone", `!document.querySelector('#status').classList.contains('lost')`)
	p.is("a row says what happened", rowWith("ledgerview began anew"))
	s.send(entry{"message": "the stream is open again"})
	p.wait("the stream is open again", rowWith("the stream is open again"))
}

func TestTenPagesAtOnce(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.sendMany(100, "poll")
	pages := make([]*tab, 10)
	var group sync.WaitGroup
	for i := range pages {
		pages[i] = open(t, s.url([]string{"", "#live?q=new", "#live?q=-poll", "#live?q=level:info", ""}[i%5]))
	}
	s.send(entry{"message": "new to all"})
	for _, p := range pages {
		group.Go(func() { p.wait("each page shows a new record", rowWith("new to all")) })
	}
	group.Wait()
	began := time.Now()
	s.send(entry{"message": "new again"})
	for _, p := range pages {
		group.Go(func() { p.wait("each page shows the next", rowWith("new again")) })
	}
	group.Wait()
	t.Logf("the slowest of ten pages showed a record after %v", time.Since(began).Round(time.Millisecond))
}

func TestPanelIsResized(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.sendMany(50, "poll")
	p := open(t, s.url(""))
	p.wait("the records show", rowWith("poll 50"))
	p.click(rowWith("poll 50"))
	p.wait("the panel shows", query(".panel .message"))
	before := eval[float64](p, `document.querySelector('#panel').offsetWidth`)
	p.drag(width-before, 300, width-before-150, 300)
	p.wait("dragging its edge widens it", fmt.Sprintf("document.querySelector('#panel').offsetWidth === %v", before+150))
	eval[bool](p, `(document.querySelector('.panel .handle').focus(), true)`)
	p.press(right)
	p.wait("so do the arrows", fmt.Sprintf("document.querySelector('#panel').offsetWidth === %v", before+150-32))
}
