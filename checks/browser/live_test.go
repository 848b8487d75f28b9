package browser

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

const atEnd = `(l => l.scrollTop + l.clientHeight >= l.scrollHeight - 24)(document.querySelector('#list'))`

func TestTailFollowsOnlyWhileAtTheEnd(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.sendMany(1200, "poll")
	p := open(t, s.url(""))
	p.wait("the newest record shows", rowWith("poll 1200"))
	p.is("the list is at its end", atEnd)
	s.send(entry{"message": "the first new one"})
	p.wait("a new record shows", rowWith("the first new one"))
	p.is("the list followed", atEnd)
	p.is("only what is on screen is in the document", `document.querySelectorAll('.row').length < 80`)

	p.wheel(query("#list"), -900)
	p.wait("scrolling up ends following", `document.querySelector('#follow').getAttribute('aria-pressed') === 'false'`)
	p.wait("scrolling has ended", `(l => { const same = l.top === l.scrollTop; l.top = l.scrollTop; return same; })(document.querySelector('#list'))`)
	reading := `(el => el.textContent + ' at ' + Math.round(el.getBoundingClientRect().top))(document.elementFromPoint(400, 500).closest('.row'))`
	before := eval[string](p, reading)
	eval[bool](p, `(window.kept = document.elementFromPoint(400, 500).closest('.row'), true)`)
	s.sendMany(50, "later")
	p.wait("the pill counts", `!document.querySelector('#pill').hidden && document.querySelector('#pill').textContent.includes('50 new records')`)
	if after := eval[string](p, reading); after != before {
		t.Errorf("the list moved while it was read:\n%s\n%s", before, after)
	}
	p.is("the row kept its element", `window.kept.isConnected`)

	p.click(query("#pill"))
	p.wait("the pill leads to the end", rowWith("later 50"))
	p.is("and follows again", `document.querySelector('#follow').getAttribute('aria-pressed') === 'true' && document.querySelector('#pill').hidden`)
}

func TestOlderRecordsLoadWhileScrollingUp(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.sendMany(3000, "poll")
	p := open(t, s.url(""))
	p.wait("the newest record shows", rowWith("poll 3000"))
	for range 8 {
		p.press(kbHome)
		if eval[bool](p, `new Promise(r => setTimeout(() => r(!!(`+rowWith("poll 1 ")+`)), 250))`) {
			break
		}
	}
	p.wait("the oldest record shows", `[...document.querySelectorAll('.row .text')].some(el => /^poll 1n=/.test(el.textContent))`)
	p.press(end)
	p.wait("End leads to the newest", rowWith("poll 3000"))
}

func TestClickOnAValueFilters(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.mix()
	p := open(t, s.url(""))
	p.wait("the records show", rowWith("poll 40"))
	p.click(rowWith("poll 40"))
	p.wait("the panel shows the attributes", query(`.panel [role=treegrid] [data-key="+"]`))
	only := `[...document.querySelectorAll('.panel [data-key="+"]')].find(el => el.title.startsWith('Only this user.id'))`
	p.hover(only + `.closest('.kv')`)
	p.click(only)
	p.wait("the query has the value", `document.querySelector('#q').value === 'user.id:4'`)
	p.wait("only matching records show", `document.querySelector('#live-count').textContent.startsWith('6 of')`)
	p.click(`[...document.querySelectorAll('.panel [data-key="-"]')].find(el => el.title.startsWith('Without this user.tier'))`)
	p.wait("without this takes them out", `document.querySelector('#q').value === 'user.id:4 -user.tier:plus' && document.querySelector('#blank h2')?.textContent === 'No record matches'`)
	p.click(`[...document.querySelectorAll('#blank button')].find(el => el.textContent === 'Clear the search')`)
	p.wait("the way back is offered", `document.querySelector('#q').value === '' && `+query(".row"))
}

// What JavaScript would round shows, filters and copies as it was sent.
func TestNumbersStayAsTheyWereSent(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.send(entry{"message": "large", "attributes": map[string]any{"order": uint64(9007199254740993), "all": []any{uint64(math.MaxUint64), 1}, "share": json.Number("1.0"), "duration_ms": json.Number("12.0")}})
	p := open(t, s.url(""))
	p.wait("the list has every digit", rowWith("order=9007199254740993")+`?.textContent.includes('all=18446744073709551615, 1 ')`)
	s.send(entry{"message": "one more", "attributes": map[string]any{"order": uint64(9007199254740995)}})
	p.wait("what comes later, too", rowWith("order=9007199254740995"))
	p.click(rowWith("large"))
	p.wait("and the panel", `['9007199254740993', '18446744073709551615, 1', '1.0', '12.0'].every(n => [...document.querySelectorAll('.panel .val')].some(el => el.textContent === n))`)
	p.click(`[...document.querySelectorAll('.panel .foot button')].find(el => el.textContent === 'Raw')`)
	p.wait("the JSON is that of the viewer", `['"order": 9007199254740993', '18446744073709551615,', '"share": 1.0'].every(n => document.querySelector('.panel .raw').textContent.includes(n))`)
	only := `[...document.querySelectorAll('.panel [data-key="+"]')].find(el => el.title.startsWith('Only this order'))`
	p.hover(only + `.closest('.kv')`)
	p.click(only)
	p.wait("a click finds it", `document.querySelector('#q').value === 'order:9007199254740993' && document.querySelector('#live-count').textContent.startsWith('1 of')`)
	s.send(entry{"message": "one that does not match"})
	p.wait("how many there are is told each second", `document.querySelector('#live-count').textContent === '1 of 3 records'`)
	p.wait("it counts as a number", `import('./js/row.js').then(({ durationOf }) => import('./js/feed.js').then(({ feed }) => durationOf(feed.items.find(r => r.message === 'large')) === 12))`)
}

func TestLevelsFilter(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.mix()
	p := open(t, s.url(""))
	p.wait("levels are counted", `document.querySelector('[data-level=warning] b').textContent === '15'`)
	p.click(query("[data-level=warning]"))
	p.wait("only warnings show", `document.querySelector('#q').value === 'level:warning' && document.querySelectorAll('.row').length === 15`)
	p.click(query("[data-level=warning]"))
	p.wait("a second click takes the filter out", `document.querySelector('#q').value === ''`)
}

func TestBackAndForward(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.mix()
	p := open(t, s.url(""))
	p.wait("the records show", rowWith("poll 40"))
	p.click(rowWith("poll 40"))
	p.wait("a record is open", `!document.querySelector('#panel').hidden`)
	eval[bool](p, `(history.back(), true)`)
	p.wait("back closes it", `document.querySelector('#panel').hidden`)
	p.click(query("[data-tab=errors]"))
	p.wait("the errors show", query(".errors .main-button"))
	p.click(query(".errors .main-button"))
	p.wait("a group is open", query(".panel .cause"))
	eval[bool](p, `(history.back(), true)`)
	p.wait("back closes the group", `document.querySelector('#panel').hidden && location.hash === '#errors'`)
	eval[bool](p, `(history.back(), true)`)
	p.wait("back leads to Live", `location.hash.startsWith('#live') || location.hash === ''`)
	eval[bool](p, `(history.go(2), true)`)
	p.wait("forward leads to the group", query(".panel .cause"))

	// A pasted link shows the same.
	again := open(t, s.url("")+eval[string](p, "location.hash"))
	again.wait("a link opens the group", query(".panel .cause"))
}

func TestZoomByDragging(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.sendMany(500, "poll")
	p := open(t, s.url(""))
	p.wait("the histogram shows", query("#histogram path"))
	box := eval[[]float64](p, `(r => [r.left, r.top, r.width])(document.querySelector('#histogram').getBoundingClientRect())`)
	p.drag(box[0]+box[2]*.2, box[1]+30, box[0]+box[2]*.7, box[1]+30)
	p.wait("the address has the window", `/from=\d+&to=\d+/.test(location.hash)`)
	p.is("the time menu says so", `document.querySelector('#range').value === 'zoom'`)
	eval[bool](p, `(history.back(), true)`)
	p.wait("back zooms out", `!location.hash.includes('from=')`)
}

func TestFaultInAQueryShowsAtItsPlace(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.mix()
	p := open(t, s.url(""))
	p.wait("the records show", rowWith("poll 40"))
	p.press("/")
	p.press(`poll "not closed`)
	p.press(enter)
	p.wait("the fault is told", `!document.querySelector('#q-fault').hidden && document.querySelector('#q').getAttribute('aria-invalid') === 'true'`)
	p.is("under the quote", `document.querySelector('#marks .bad').textContent === '"not closed'`)
	p.is("the last good result stays", rowWith("poll 40"))
	p.press(`"`)
	p.wait("it goes when it is fixed", `document.querySelector('#q-fault').hidden && document.querySelector('#blank h2')?.textContent === 'No record matches'`)
}

func TestHostileRecordRunsNothing(t *testing.T) {
	t.Parallel()
	s := serve(t)
	script := `<script>window.hacked = 1</script><img src=x onerror="window.hacked = 2">`
	s.send(entry{"message": script + "\x1b[31mred \u202egnp.exe\u0007", "attributes": map[string]any{
		script: script, "service": script, "request_id": script, "nested": map[string]any{"__proto__": map[string]any{"x": 1}, "constructor": "c"},
		"endpoint": map[string]any{"method": script, "path": script, "status_code": 500, "duration_ms": 12.5}, "big": strings.Repeat("A", 90_000),
	}}, entry{"message": "two", "attributes": map[string]any{"request_id": script}}, entry{"level": "error", "log_type": "exception", "message": script, "error_type": script, "error_message": script, "stack_trace": script + "\n  File \"javascript:alert(1)\", line 1, in " + script})
	for _, hash := range []string{"", "#errors", "#requests", "#traces", "#live?q=" + `%3Cscript%3Ealert(1)%3C/script%3E`, `#live?run=%3Cimg%20src=x%3E&theme=%3Cb%3E`} {
		p := open(t, s.url(hash))
		p.wait("the view shows", `[...document.querySelectorAll('.view:not([hidden]) :is(.row, .main-button, .trace, .none-found h2, .none h2)')].length`)
		if hash == "" || hash == "#errors" {
			p.click(`[...document.querySelectorAll('.row, .main-button')].find(el => el.textContent.includes('script'))`)
			p.wait("the panel shows", query(".panel .message"))
		}
		p.is("no script ran", `window.hacked === undefined`)
		p.is("no element of a record exists", `!document.querySelector('main script, main img')`)
		if hash == "" {
			p.is("control and bidi characters are told", `document.querySelector('.panel .message').textContent.includes('\\u202e') && document.querySelector('.panel .message').textContent.includes('\\u001b')`)
		}
	}
}

func TestMissedRecordsLoadOnAClick(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.sendMany(30, "before")
	p := open(t, s.url(""))
	p.wait("the records show", rowWith("before 30"))
	// What the stream of a page that is too slow does: it leaves records out and says how many.
	eval[bool](p, `import('./js/feed.js').then(f => { f.streamOf().close(); return true; })`)
	s.sendMany(20, "missed")
	eval[bool](p, `import('./js/feed.js').then(f => { f.streamOf().handlers.missed(20); return true; })`)
	p.wait("a row says how many", rowWith("20 records missed here"))
	p.click(rowWith("20 records missed here"))
	p.wait("a click loads them", `!(`+rowWith("missed here")+`) && `+rowWith("missed 20"))
}

// A stream that is closed while it waits for its turn does not begin after all: it would
// go on for ever, and bring what another query has left out.
func TestAStreamThatIsClosedDoesNotBegin(t *testing.T) {
	t.Parallel()
	s := serve(t)
	p := open(t, s.url(""))
	eval[bool](p, `(async () => {
		const { streamOf } = await import('./js/feed.js'), { Stream } = await import('./js/stream.js');
		const turn = () => navigator.locks.request('ledgerview-stream-0', () => true);
		streamOf().close();
		await turn();
		const stream = new Stream({ records() {}, missed() {} });
		stream.open({}, 0);
		await null; await null; // it has asked for its turn
		stream.close();
		return turn();
	})()`)
}
