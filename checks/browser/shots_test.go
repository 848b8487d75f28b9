package browser

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// demo starts `ledgerview -demo` as a reader would, and answers its address.
func demo(t testing.TB) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "ledgerview")
	build := exec.Command("go", "build", "-o", binary, "./cmd/ledgerview")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, binary, "-demo", "-addr", "127.0.0.1:0")
	command.Dir = "../.."
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = command.Wait() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if at := strings.Index(lines.Text(), "http://127.0.0.1:"); at >= 0 {
			go func() { // the pipe must not fill
				for lines.Scan() {
				}
			}()
			return strings.TrimSpace(lines.Text()[at:]) + "/"
		}
	}
	t.Fatal("ledgerview prints no address")
	return ""
}

func (p *tab) screenshot(folder, name string) {
	p.t.Helper()
	data, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	if picture, err := png.Decode(bytes.NewReader(data)); err != nil || picture.Bounds().Dx() == 0 {
		p.t.Fatalf("%s is no picture: %v", name, err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), data, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// TestScreenshots takes a picture of each tab in both themes, of the demo: with -shots DIR into that folder, and after
// more of its traffic.
func TestScreenshots(t *testing.T) {
	folder, records := *shots, 600
	if folder == "" {
		t.Parallel()
		folder, records = t.TempDir(), 60
	}
	address := demo(t)
	p := open(t, address)
	p.wait("the demo makes traffic", fmt.Sprintf(`fetch('api/stats').then(r => r.json()).then(s => s.received >= %d)`, min(records, 60)))
	if records > 60 {
		p.waitFor(2*time.Minute, "the demo made more", fmt.Sprintf(`fetch('api/stats').then(r => r.json()).then(s => s.received >= %d)`, records))
	}
	p.wait("an error came", `!document.querySelector('#n-errors').hidden`)
	// The newest record on screen that holds an error and is no request.
	const anError = `[...document.querySelectorAll('.row.error')].findLast(el => /Error: /.test(el.textContent) && !/ - 5\d\d /.test(el.textContent))`
	settled := `new Promise(r => setTimeout(() => r(!document.querySelector('.stale')), 400))`
	for _, theme := range []string{"light", "dark"} {
		p.theme(theme)
		for _, view := range []struct{ name, hash, ready, then, after string }{
			{"overview", "#live", anError, anError, query(".panel .cause")},
			{"live", "#live", query(".row"), `document.querySelector('#follow[aria-pressed=false]') ?? document.querySelector('#list')`, query("#follow[aria-pressed=true]")},
			{"record", "#live", query(".row"), `(rows => rows.findLast(el => /=/.test(el.textContent)) ?? rows.at(-1))([...document.querySelectorAll('.row')].slice(0, -8))`, query(".panel .kv")},
			{"error", "#live?q=has:error", `(rows => rows.length && rows.every(el => el.querySelector('.lv-error, .lv-critical')))([...document.querySelectorAll('.row')])`, `[...document.querySelectorAll('.row')].at(-1)`, query(".panel .cause")},
			{"errors", "#errors", query(".errors .main-button"), "", ""},
			{"group", "#errors", query(".errors .main-button"), query(".errors .main-button"), query(".panel .cause")},
			{"requests", "#requests", query(".requests .main-button"), "", ""},
			{"route", "#requests", query(".requests .main-button"), query(".requests .main-button"), query(".plot .dots")},
			{"traces", "#traces?sort=longest", query(".trace"), `document.querySelector('.trace.error') ?? document.querySelector('.trace')`, query(".wf-row[data-id]")},
		} {
			eval[bool](p, fmt.Sprintf(`(location.hash = %q, true)`, view.hash))
			p.waitFor(time.Minute, view.name+" shows", view.ready)
			if view.then != "" {
				p.choose(view.then) // the list moves while it is followed
				p.wait(view.name+" is open", view.after)
			}
			p.wait(view.name+" is settled", settled)
			p.screenshot(folder, "ledgerview-"+view.name+"-"+theme)
		}
	}
	p.resize(375, 700, 2)
	for _, tab := range []string{"live", "errors", "requests", "traces"} {
		eval[bool](p, fmt.Sprintf(`(location.hash = '#%s', true)`, tab))
		p.wait("the phone shows "+tab, `[...document.querySelectorAll('.view:not([hidden]) :is(.row, .main-button, .trace)')].length`)
		p.wait("it is settled", settled)
		p.screenshot(folder, "ledgerview-phone-"+tab)
	}
}
