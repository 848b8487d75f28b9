package browser

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"testing"
)

//go:embed testdata/axe.min.js
var axe string

// checkAxe runs axe-core over the page as it is.
func (p *tab) checkAxe(what string) {
	p.t.Helper()
	// While an answer is awaited the old result is pale, on purpose; axe looks at what stays.
	eval[bool](p, `(document.styleSheets[0].insertRule('.view.stale { opacity: 1 !important }'), true)`)
	eval[bool](p, axe+"; true")
	found := eval[[]struct {
		ID, Impact, Help string
		Nodes            []struct{ HTML, FailureSummary string }
	}](p, `axe.run(document, { resultTypes: ['violations'] }).then(r => r.violations.map(v => ({ ID: v.id, Impact: v.impact, Help: v.help, Nodes: v.nodes.slice(0, 3).map(n => ({ HTML: n.html.slice(0, 300), FailureSummary: n.failureSummary })) })))`)
	for _, f := range found {
		nodes, _ := json.MarshalIndent(f.Nodes, "", "  ")
		p.t.Errorf("%s: axe finds %s (%s): %s\n%s", what, f.ID, f.Impact, f.Help, nodes)
	}
}

func TestAxeFindsNothing(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.mix()
	views := []struct{ name, hash, ready, then string }{
		{"Live", "", query(".row"), ""},
		{"Live with a record", "", rowWith("poll 40"), rowWith("poll 40")},
		{"Live with an error", "#live?q=has:error", `document.querySelector('#live-count').textContent.startsWith('3 of')`, rowWith("create order failed")},
		{"Live, no match", "#live?q=zebra", query("#blank h2"), ""},
		{"Live, faulty query", "#live?q=%22open", `!document.querySelector('#q-fault').hidden`, ""},
		{"Errors", "#errors", query(".errors .main-button"), query(".errors .main-button")},
		{"Requests", "#requests", query(".requests .main-button"), query(".requests .main-button")},
		{"Traces", "#traces", query(".trace"), query(".trace")},
		{"Faults", "", query(".row"), query("#fault-button")},
		{"Help", "", query(".row"), query("#help-button")},
	}
	for _, theme := range []string{"light", "dark"} {
		p := open(t, s.url(""))
		p.theme(theme)
		for _, v := range views {
			eval[bool](p, fmt.Sprintf(`(document.querySelectorAll('dialog[open]').forEach(d => d.close()), document.querySelectorAll(':popover-open').forEach(e => e.hidePopover()), location.hash = %q, true)`, v.hash+map[bool]string{true: "#live"}[v.hash == ""]))
			p.wait(v.name+" shows", v.ready)
			if v.then != "" {
				p.click(v.then)
				p.wait("it is open", `document.querySelector('.panel:not([hidden]) .body, .plot .dots, dialog[open], :popover-open, .wf-row[data-id]')`)
			}
			p.checkAxe(v.name + ", " + theme)
		}
	}
	empty := open(t, serve(t).url(""))
	empty.wait("the empty page shows", query("#blank h2"))
	empty.checkAxe("empty")
}

func TestThemeFollowsTheSystemUntilChosen(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.sendMany(10, "poll")
	p := open(t, s.url(""))
	const background = `getComputedStyle(document.body).backgroundColor`
	p.is("the page is light on a light system", background+` === 'rgb(255, 255, 255)'`)
	p.theme("dark")
	p.is("dark on a dark one", background+` === 'rgb(16, 18, 21)'`)
	p.press("t")
	p.is("t makes it light", background+` === 'rgb(255, 255, 255)'`)
	again := open(t, s.url(""))
	again.theme("dark")
	again.is("the choice is kept", background+` === 'rgb(255, 255, 255)'`)
	linked := open(t, s.url("#live?theme=dark"))
	linked.is("a link says its own", background+` === 'rgb(16, 18, 21)'`)
}

func TestZoom200(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.mix()
	for _, size := range []struct {
		name          string
		width, height int64
		scale         float64
	}{{"200 %", width / 2, height / 2, 2}, {"a phone", 375, 700, 2}} {
		p := open(t, s.url(""))
		p.resize(size.width, size.height, size.scale)
		for _, hash := range []string{"#live", "#errors", "#requests", "#traces"} {
			eval[bool](p, fmt.Sprintf(`(location.hash = %q, true)`, hash))
			p.wait(hash+" shows", `[...document.querySelectorAll('.view:not([hidden]) :is(.row, .main-button, .trace)')].length >= 1`)
			p.is(size.name+", "+hash+": nothing is cut off at the side", `document.documentElement.scrollWidth <= innerWidth`)
			p.is(size.name+", "+hash+": the list has room", `[...document.querySelectorAll('.view:not([hidden]) :is(.row, .main-button, .trace)')].filter(el => { const r = el.getBoundingClientRect(); return r.top >= 0 && r.bottom <= innerHeight - 24; }).length >= 1`)
			p.is(size.name+", "+hash+": search, tabs, run and time are in reach", `['#q', '#run', '#range', '[data-tab=live]', '[data-tab=traces]', '#theme'].every(s => { const r = document.querySelector(s).getBoundingClientRect(); return r.width >= 24 && r.left >= 0 && r.right <= innerWidth; })`)
			p.is(size.name+", "+hash+": targets are large enough", `[...document.querySelectorAll('button, a, select')].filter(el => el.offsetParent && !el.closest('p, .acts, .tree')).every(el => { const r = el.getBoundingClientRect(); return r.height >= 22; })`)
			p.checkAxe(size.name + ", " + hash)
		}
	}
}

func TestKeyboardOnly(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.mix()
	p := open(t, s.url(""))
	p.wait("the records show", rowWith("poll 40"))
	p.press("k", "k")
	p.is("k moves the cursor", `document.querySelector('.row.cursor')`)
	p.press(enter)
	p.wait("Enter opens the record", query(".panel .message"))
	first := eval[string](p, `document.querySelector('.panel .message').textContent`)
	p.press("k")
	p.wait("k shows the one before", fmt.Sprintf(`(el => el && el.textContent !== %q)(document.querySelector('.panel .message'))`, first))

	// One tab stop a tree; the arrows move in it and into the buttons of a value.
	p.is("a tree is one tab stop", `[...document.querySelectorAll('.panel [role=treegrid]')].every(g => g.querySelectorAll('[tabindex="0"]').length === 1 && [...g.querySelectorAll('a, button')].every(b => b.tabIndex === -1))`)
	eval[bool](p, `(document.querySelector('.panel [role=treegrid] [tabindex="0"]').focus(), true)`)
	p.press(down)
	p.is("down moves to the next row", `document.activeElement === document.querySelector('.panel [role=treegrid]').children[1]`)
	p.press(right, down, right)
	p.is("right moves to its buttons", `document.activeElement.title.startsWith('Only this')`)
	p.press(left, left)
	p.press(enter)

	p.press(escape)
	p.wait("Esc closes", `document.querySelector('#panel').hidden`)
	p.is("the focus is in the list", `document.activeElement.id === 'list' || document.activeElement === document.body`)
	p.press("g", "e")
	p.wait("g e shows the errors", `location.hash.startsWith('#errors') && `+query(".errors .main-button"))
	p.press("j", enter)
	p.wait("j and Enter open a group", query(".panel .cause"))
	p.press(escape)
	p.wait("Esc closes it", `document.querySelector('#panel').hidden`)
	p.press("g", "r")
	p.wait("g r shows the requests", `location.hash.startsWith('#requests') && `+query(".requests .main-button"))
	p.press("j", enter)
	p.wait("Enter chooses a route", `location.hash.includes('route=')`)
	p.press("g", "t")
	p.wait("g t shows the traces", `location.hash.startsWith('#traces') && `+query(".trace"))
	p.press("j", "j", enter)
	p.wait("Enter chooses a trace", `location.hash.includes('trace=')`)
	p.press("g", "l")
	p.wait("g l leads back", `location.hash.startsWith('#live')`)
	p.press("?")
	p.wait("? helps", `document.querySelector('#help').open`)
	p.press(escape)
	p.press("/")
	p.is("/ leads to the search", `document.activeElement.id === 'q'`)
	p.press("lev")
	p.wait("keys are suggested", `document.querySelector('#suggestions [role=option]')?.textContent.startsWith('level:')`)
	p.press(down, enter)
	p.press("err")
	p.wait("and values", `[...document.querySelectorAll('#suggestions [role=option]')].some(o => o.textContent.startsWith('error'))`)
	p.press("or", enter)
	p.wait("Enter searches", `location.hash.includes('level:error')`)
	p.press(escape)
	p.press("f")
	p.wait("f stops following", `document.querySelector('#follow').getAttribute('aria-pressed') === 'false'`)
}
