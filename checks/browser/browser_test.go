package browser

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const (
	patience = 10 * time.Second // for what the page should show within moments
	width    = 1280
	height   = 800
)

var (
	shots   = flag.String("shots", "", "folder to write the screenshots of each tab to")
	browser context.Context // one Chromium for all tests; each page is a tab of it
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	path := os.Getenv("CHROMIUM")
	if *shots != "" {
		// The pictures have Inter and JetBrains Mono, if they are installed.
		fonts, err := filepath.Abs("testdata/fonts.conf")
		if err == nil {
			err = os.Setenv("FONTCONFIG_FILE", fonts)
		}
		if err != nil {
			fmt.Println(err)
			return 1
		}
	}
	if path == "" {
		path = "/usr/bin/chromium"
		if _, err := exec.LookPath(path); err != nil {
			fmt.Println("skipped: there is no", path)
			return 0
		}
	}
	profile, err := os.MkdirTemp("", "ledgerview-browser-")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(profile)
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(width, height),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("hide-scrollbars", false))...)
	defer cancel()
	var stop context.CancelFunc
	browser, stop = chromedp.NewContext(allocator)
	defer stop()
	if err := chromedp.Do(browser); err != nil {
		fmt.Println("chromium does not start:", err)
		return 1
	}
	return m.Run()
}

// A tab is one page in the browser. Exceptions and refused loads are collected; the test fails for them at its end.
type tab struct {
	t   testing.TB
	ctx context.Context

	mu     sync.Mutex
	faults []string
}

// open shows an address in a new tab and waits until the page has asked for its records.
func open(t testing.TB, address string) *tab {
	t.Helper()
	p := newTab(t)
	p.resize(width, height, 1)
	p.theme("light")
	p.do(chromedp.Navigate(address))
	p.wait("the page has started", `document.querySelector('#status').textContent.includes('kept')`)
	return p
}

func newTab(t testing.TB) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	p := &tab{t: t, ctx: ctx}
	t.Cleanup(func() {
		cancel()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, fault := range p.faults {
			t.Errorf("the page complained: %s", fault)
		}
	})
	if err := chromedp.Listen(ctx, p.listen); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *tab) resize(width, height int64, scale float64) {
	p.t.Helper()
	p.do(send(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: scale}))
}

// theme sets what the system of the reader prefers: light or dark.
func (p *tab) theme(name string) {
	p.t.Helper()
	p.do(send(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}}))
}

func send[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, command, params)
		return err
	})
}

func (p *tab) listen(event any) {
	fault := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		fault = e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			fault += " " + e.ExceptionDetails.Exception.Description
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && !strings.Contains(e.Entry.Text, "Failed to load resource") {
			fault = e.Entry.Text
		}
	case *page.EventJavascriptDialogOpening:
		fault = "a dialog opened: " + e.Message
	}
	if fault == "" {
		return
	}
	p.mu.Lock()
	p.faults = append(p.faults, fault)
	p.mu.Unlock()
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 3*patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// eval runs an expression in the page. A promise is awaited.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 3*patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// wait waits until an expression is true in the page, or a promise of it.
func (p *tab) wait(what, expression string) { p.t.Helper(); p.waitFor(patience, what, expression) }

func (p *tab) waitFor(limit time.Duration, what, expression string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, limit+patience)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.PollFunction[bool]("async () => !!(await ("+expression+"))", chromedp.WithPollingTimeout(limit), chromedp.WithPollingInterval(20*time.Millisecond)))
	if err != nil {
		p.mu.Lock()
		faults := strings.Join(p.faults, "\n")
		p.mu.Unlock()
		p.t.Fatalf("waited in vain until %s: %v\n%s\n%s", what, err, faults, eval[string](p, `location.href + "\n" + document.body.innerText.slice(0, 600)`))
	}
}

// is fails the test unless an expression is true now.
func (p *tab) is(what, expression string) {
	p.t.Helper()
	if !eval[bool](p, "!!("+expression+")") {
		p.t.Errorf("not so: %s (%s)", what, expression)
	}
}

// press sends keys, one after the other: characters, or names such as enter.
func (p *tab) press(keys ...string) {
	p.t.Helper()
	for _, r := range strings.Join(keys, "") {
		p.do(key(r))
	}
}

// key presses one key. Its text goes with the key down, as from a keyboard: a page that takes the key gets no text.
func key(r rune) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		events := kb.Encode(r)
		down, up := events[0], events[len(events)-1]
		if len(events) == 3 {
			down.Text, down.UnmodifiedText = events[1].Text, events[1].UnmodifiedText
		}
		for _, event := range []*input.DispatchKeyEventParams{down, up} {
			if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, *event); err != nil {
				return err
			}
		}
		return nil
	})
}

// click clicks in the middle of the element that a JavaScript expression answers.
func (p *tab) click(element string) {
	p.t.Helper()
	x, y := p.place(element)
	p.do(chromedp.MouseClickXY(x, y))
}

// choose clicks an element without a mouse, wherever it has moved to.
func (p *tab) choose(element string) {
	p.t.Helper()
	eval[bool](p, `((`+element+`).click(), true)`)
}

func (p *tab) hover(element string) {
	p.t.Helper()
	x, y := p.place(element)
	p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y))
}

func (p *tab) place(element string) (x, y float64) {
	p.t.Helper()
	at := eval[[]float64](p, `(() => { const el = `+element+`; el.scrollIntoView({ block: 'nearest' }); const r = el.getBoundingClientRect(); return [r.x + Math.min(r.width / 2, 200), r.y + r.height / 2]; })()`)
	return at[0], at[1]
}

// drag presses the mouse at one place and lets go at another.
func (p *tab) drag(x1, y1, x2, y2 float64) {
	p.t.Helper()
	held := func(m *input.DispatchMouseEventParams) {
		m.Button, m.Buttons, m.ClickCount = input.MouseButtonLeft, 1, 1
	}
	p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMousePressed, x1, y1, held), chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, (x1+x2)/2, (y1+y2)/2, held),
		chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x2, y2, held), chromedp.MouseEvent(input.DispatchMouseEventTypeMouseReleased, x2, y2, held))
}

// wheel turns the mouse wheel over an element.
func (p *tab) wheel(element string, dy float64) {
	p.t.Helper()
	x, y := p.place(element)
	p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseWheel, x, y, func(m *input.DispatchMouseEventParams) { m.DeltaX, m.DeltaY = .01, dy }))
}

func query(selector string) string { return fmt.Sprintf("document.querySelector(%q)", selector) }

// rowWith is the row of the list that shows a text.
func rowWith(text string) string {
	return fmt.Sprintf("[...document.querySelectorAll('.row')].find(el => el.textContent.includes(%q))", text)
}

// keys of the keyboard by readable names.
const (
	enter, escape, end, kbHome, tabKey, down, left, right = kb.Enter, kb.Escape, kb.End, kb.Home, kb.Tab, kb.ArrowDown, kb.ArrowLeft, kb.ArrowRight
)
