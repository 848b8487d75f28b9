package ledgertest

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/ingest"
)

// A Fault is one way of not answering as a healthy server would. The zero Fault is no fault. Faults that name a
// complete answer come before every check of the server, as a broken proxy's would, and store nothing; see [Stored].
type Fault struct {
	early bool // before the body is read
	do    func(*exchange)
}

// Script makes the next POST requests meet the given faults, one each in this order, after those still due from
// earlier calls. A script goes before a mood set by [Server.Always] or [Server.SetFault].
func (s *Server) Script(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, faults...)
}

// Scripted returns how many scripted faults no request has met yet.
func (s *Server) Scripted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.script)
}

// Always makes every POST request from now on meet f. Always(OK()) ends that.
func (s *Server) Always(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.always, s.choose = f, nil
}

// SetFault makes choose pick the fault for every POST request from now on, once its body was read; nil ends that.
// Choose must not keep or change the request; it is called from many goroutines, without locks held.
func (s *Server) SetFault(choose func(*Request) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.always, s.choose = Fault{}, choose
}

// nextFault returns the fault of a request that has just begun, or who chooses it once the body was read.
func (s *Server) nextFault() (f Fault, choose func(*Request) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.script) == 0 {
		return s.always, s.choose
	}
	f = s.script[0]
	s.script = s.script[1:]
	return f, nil
}

// Repeat returns n times f, for [Server.Script].
func Repeat(n int, f Fault) []Fault { return slices.Repeat([]Fault{f}, n) }

// OK is no fault: the normal answer.
func OK() Fault { return Fault{} }

// Status answers code with body and header lines such as "Retry-After: 5". An empty body becomes the JSON the server
// would send, {"detail": …}.
func Status(code int, body string, headers ...string) Fault {
	a := detail(code, http.StatusText(code))
	if body != "" {
		a.Body = []byte(body)
	}
	for _, line := range headers {
		name, v, _ := strings.Cut(line, ":")
		a.Header.Set(strings.TrimSpace(name), strings.TrimSpace(v))
	}
	return says(a)
}

func says(a *answer) Fault { return Fault{do: func(x *exchange) { a.Write(x.w) }} }

// RetryAfter answers code, usually 429 or 503, with that Retry-After value, which may be any text.
func RetryAfter(code int, value string) Fault { return Status(code, "", "Retry-After: "+value) }

// QueueFull is the server's own 503 with Retry-After: 60.
func QueueFull() Fault { return says(ingest.QueueFull()) }

// HTML answers code with a proxy's error page.
func HTML(code int) Fault { return says(htmlAnswer(code)) }

// Garbage answers code with bytes that are neither JSON nor text but claim to be JSON.
func Garbage(code int) Fault {
	a := ingest.JSON(code, nil)
	a.Body = []byte("{\"accepted\xff\xfe\x00\x01[[[[\x80")
	return says(a)
}

// Redirect answers 307 with that Location.
func Redirect(to string) Fault {
	return says(&answer{Status: http.StatusTemporaryRedirect, Header: http.Header{"Location": {to}}})
}

// Hang never answers. It ends when the client leaves or the server goes down.
func Hang() Fault { return Fault{do: (*exchange).hang} }

// Delay answers as a healthy server, after d.
func Delay(d time.Duration) Fault { return After(d, OK()) }

// After meets the request with f, after d.
func After(d time.Duration, f Fault) Fault {
	return Fault{do: func(x *exchange) {
		if sleep(x.ctx, d) {
			x.meet(f)
		} else {
			x.cut()
		}
	}}
}

func (x *exchange) meet(f Fault) {
	if f.do == nil {
		x.process(tamper{}).Write(x.w)
		return
	}
	f.do(x)
}

// ResetBeforeBody resets the connection without reading the request's body. When [Server.SetFault] picks it the body
// was read already, and is dropped.
func ResetBeforeBody() Fault { return Fault{early: true, do: (*exchange).cut} }

// ResetAfterBody takes the request as a healthy server would, entries included, and then resets the connection: the
// answer is lost.
func ResetAfterBody() Fault { return Stored(Fault{do: (*exchange).cut}) }

// Stored takes the request as a healthy server would, entries included, and then meets it with f instead of the
// answer.
func Stored(f Fault) Fault { return storing(tamper{}, f) }

// StoredFirst is [Stored] for a server that fails half way: of the entries it would take only the first n are stored.
func StoredFirst(n int, f Fault) Fault { return storing(tamper{first: &n}, f) }

func storing(t tamper, f Fault) Fault {
	return Fault{do: func(x *exchange) {
		x.process(t)
		x.meet(f)
	}}
}

// TruncatedAnswer begins a good answer and ends the connection in its middle. It stores nothing; see [Stored].
func TruncatedAnswer() Fault {
	return Fault{do: func(x *exchange) {
		x.beginAnswer("64")
		_, _ = x.w.Write([]byte(`{"accepted":`))
		_ = x.w.flush()
		panic(http.ErrAbortHandler) // an orderly close, but too early
	}}
}

// EndlessAnswer answers code with a body that does not end. It stores nothing; see [Stored].
func EndlessAnswer(code int) Fault {
	chunk := []byte(strings.Repeat("{\"detail\": [[[ ", 256))
	return Fault{do: func(x *exchange) {
		x.w.Header().Set("Content-Type", "application/json")
		x.w.WriteHeader(code)
		for x.ctx.Err() == nil {
			_, err := x.w.Write(chunk)
			if err != nil || x.w.flush() != nil {
				break
			}
		}
		panic(http.ErrAbortHandler)
	}}
}

// SlowAnswer sends the head of a good answer at once and then a byte of a body that does not end every d. It stores
// nothing; see [Stored]. D must be more than zero.
func SlowAnswer(d time.Duration) Fault {
	return Fault{do: func(x *exchange) {
		x.beginAnswer("")
		for x.w.flush() == nil && sleep(x.ctx, d) {
			_, _ = x.w.Write([]byte(" "))
		}
		panic(http.ErrAbortHandler)
	}}
}

// beginAnswer writes the head of a good answer; length "" leaves the length open.
func (x *exchange) beginAnswer(length string) {
	status := http.StatusAccepted
	if x.r.URL.Path == ingest.PathLogs {
		status = http.StatusOK
	}
	x.w.Header().Set("Content-Type", "application/json")
	if length != "" {
		x.w.Header().Set("Content-Length", length)
	}
	x.w.WriteHeader(status)
}

// RejectWhere answers as a healthy server that rejects, with its success, the entries for which match is true.
func RejectWhere(match func(Entry) bool) Fault { return bent(tamper{reject: match}) }

// LoseWhere answers as a healthy server that acknowledges the entries for which match is true and then loses them;
// they turn up in [Server.Lost].
func LoseWhere(match func(Entry) bool) Fault { return bent(tamper{lose: match}) }

// Poison refuses a whole request with code, for example 400, 413, 422 or 500, when it holds an entry for which match
// is true. A 422 lists the positions of those entries, as the server does. Credentials and limits are checked first.
func Poison(match func(Entry) bool, code int) Fault {
	return poison(match, func(guilty []int) *answer {
		if code != http.StatusUnprocessableEntity {
			return detail(code, http.StatusText(code))
		}
		var problems []ingest.Problem
		for _, i := range guilty {
			problems = append(problems, ingest.Problem{
				Type: "value_error", Loc: []any{"body", "logs", i, "message"}, Msg: "Value error, refused by the test",
			})
		}
		return ingest.Unprocessable(problems...)
	})
}

// PoisonBlind is [Poison] with an answer that does not tell which entries are guilty, 422 included.
func PoisonBlind(match func(Entry) bool, code int) Fault {
	return poison(match, func([]int) *answer { return detail(code, http.StatusText(code)) })
}

func poison(match func(Entry) bool, say func(guilty []int) *answer) Fault {
	return bent(tamper{refuse: func(entries []Entry) *answer {
		var guilty []int
		for i, e := range entries {
			if match(e) {
				guilty = append(guilty, i)
			}
		}
		if guilty == nil {
			return nil
		}
		return say(guilty)
	}})
}

func bent(t tamper) Fault {
	return Fault{do: func(x *exchange) { x.process(t).Write(x.w) }}
}

// Answer lets h answer. The body was read before; h finds it in r.Body again, decompressed.
func Answer(h http.Handler) Fault {
	return Fault{do: func(x *exchange) { h.ServeHTTP(x.w, x.withBody()) }}
}
