package browser

import (
	"fmt"
	"testing"
)

func TestVerdictsAreMarked(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.send(entry{"message": "stored"}, entry{"message": "sent twice", "log_id": "11111111-1111-4111-8111-111111111111"})
	s.send(entry{"message": "sent twice", "log_id": "11111111-1111-4111-8111-111111111111"})
	if status := s.post(entry{"message": "a level the server does not know", "level": "notice"}); status != 422 {
		t.Errorf("a level that the server does not know: status %d, want 422", status)
	}
	p := open(t, s.url(""))
	p.wait("a refused record is marked", rowWith("a level the server does not know")+`?.querySelector('.tag.bad')?.textContent === 'refused'`)
	p.is("a redelivery is marked, and shown once", fmt.Sprintf(`%s.querySelector('.tag').textContent === 'redelivered' && [...document.querySelectorAll('.row')].filter(el => el.textContent.includes('sent twice')).length === 1`, rowWith("sent twice")))
	p.is("what is stored has no mark", `!`+rowWith("stored")+`.querySelector('.tag')`)
	p.click(rowWith("a level the server does not know"))
	p.wait("the panel says why", `document.querySelector('.panel .notes.bad')?.textContent.includes('would refuse')`)
	p.click(query("#status a.bad"))
	p.wait("the status bar leads to them", `document.querySelector('#q').value === 'verdict:refused' && document.querySelectorAll('.row').length === 1`)
}

func TestRestartOfAServiceIsADivider(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.logErrors()
	s.logErrors() // another handler is another process
	p := open(t, s.url(""))
	p.wait("a divider shows", rowWith("Run 2 of shop began at"))
	p.click(rowWith("Run 2 of shop began at"))
	p.wait("a click leaves this run only", `location.hash.includes('run=2') && document.querySelectorAll('.row:not(.note)').length === 3`)
	p.is("the menu says so", `document.querySelector('#run').value === '2'`)
}

func TestDroppedFileIsImported(t *testing.T) {
	t.Parallel()
	s := serve(t)
	p := open(t, s.url(""))
	eval[bool](p, `(() => {
		const files = new DataTransfer();
		files.items.add(new File(['{"time":"2026-01-02T03:04:05Z","level":"WARN","msg":"from a file","user":7}\n'], 'saved.ndjson'));
		dispatchEvent(new DragEvent('drop', { dataTransfer: files }));
		return true;
	})()`)
	p.wait("its records show", rowWith("from a file"))
	p.wait("a word says how many", `document.querySelector('#toast').textContent === '1 record from saved.ndjson'`)
	eval[bool](p, `(() => {
		const files = new DataTransfer();
		files.items.add(new File(['{"time":\n'], 'broken.ndjson'));
		dispatchEvent(new DragEvent('drop', { dataTransfer: files }));
		return true;
	})()`)
	p.wait("a broken one is told", `document.querySelector('#toast').textContent.startsWith('broken.ndjson: ')`)
	p.is("what was there stays", rowWith("from a file"))
}
