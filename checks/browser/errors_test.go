package browser

import (
	"strings"
	"testing"
)

func TestErrorShowsCausesAndSource(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.mix()
	p := open(t, s.url("#errors"))
	p.wait("the group shows", `[...document.querySelectorAll('.errors .emsg')].some(el => el.textContent.startsWith('create order: insert order:'))`)
	p.is("the tab says how many", `Number(document.querySelector('#n-errors').textContent) >= 1`)
	p.click(`[...document.querySelectorAll('.errors .main-button')].find(el => el.textContent.includes('create order:'))`)
	p.wait("the causes show", `document.querySelectorAll('.panel .cause').length >= 3`)
	text := eval[string](p, `document.querySelector('.panel .body').innerText`)
	for _, want := range []string{"caused by", "*fs.PathError", "permission denied", "Last seen", "v1.8.2"} {
		if !strings.Contains(text, want) {
			t.Errorf("the panel does not say %q:\n%s", want, text)
		}
	}
	p.wait("the program's own frame shows its lines", `document.querySelector('.panel .src')?.textContent.includes('this line is what the panel shows') || document.querySelector('.panel .src .here')`)
	p.is("a line is marked", `document.querySelector('.panel details[open] .src .here')`)
	p.is("a link opens the editor", `[...document.querySelectorAll('.panel .frame.own > a')].some(a => a.href.startsWith('vscode://file/') && /viewer_test\.go:\d+$/.test(a.href))`)
	p.is("records of the group are listed", `document.querySelectorAll('.panel .mini a').length === 3`)

	eval[bool](p, `(navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve(); }, true)`)
	p.click(`[...document.querySelectorAll('.panel .foot button')].find(el => el.textContent === 'Copy as Markdown')`)
	p.wait("it is copied as Markdown", `window.copied`)
	if markdown := eval[string](p, "window.copied"); !strings.Contains(markdown, "caused by `*fs.PathError`") || !strings.Contains(markdown, "viewer_test.go:") {
		t.Errorf("the Markdown has no causes or frames:\n%s", markdown)
	}

	p.click(query(".panel .mini a"))
	p.wait("a record of the group opens", `document.querySelector('.panel [role=treegrid][aria-label=Record]')`)
	p.press(escape)
	p.wait("Esc leads back to the group", query(".panel .mini a"))
	p.press(escape)
	p.wait("and then closes it", `document.querySelector('#panel').hidden`)
	p.is("the focus is back in the list", `document.activeElement.matches('.main-button')`)
}

func TestRequestsLeadToTheirRecords(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.mix()
	p := open(t, s.url("#requests"))
	p.wait("the route shows", `document.querySelector('.requests tbody [data-key]')?.textContent.includes('/orders/{id}')`)
	p.is("with its count and errors", `document.querySelector('.requests tbody tr[data-key]').textContent.includes('25.0%')`)
	p.hover(query(".plot svg"))
	p.click(query(".requests .main-button"))
	p.wait("dots show the requests of one route", query(".plot .dots"))
	p.is("the address has the route", `location.hash.includes('route=GET')`)
	p.click(query(".requests a.dotted"))
	p.wait("a click leads to its records", `location.hash.startsWith('#live') && document.querySelectorAll('.row').length === 12`)
}

func TestTraceShowsItsRecordsOnATimeLine(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.mix()
	p := open(t, s.url("#traces"))
	p.wait("the traces show", `document.querySelectorAll('.trace').length === 12`)
	p.click(query(".trace"))
	p.wait("its records show", `document.querySelectorAll('.wf-row[data-id]').length === 3`)
	p.is("the endpoint record spans everything and comes last", `[...document.querySelectorAll('.wf-row[data-id]')].at(-1).textContent.includes('GET /orders/{id}')`)
	p.click(query(".wf-row[data-id]"))
	p.wait("a record opens", `document.querySelector('.panel .message')?.textContent === 'session loaded'`)
	p.press("j")
	p.wait("j shows the next in the panel", `document.querySelector('.panel .message')?.textContent === 'slow query'`)
}
