package browser

import (
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/tracing"
	"github.com/chromedp/chromedp"
)

// A task is one turn of the page's main thread: how long it took by the clock, and how long it had the processor.
type task struct{ wall, cpu time.Duration }

// traceTasks runs do and answers the tasks of the tab's main thread meanwhile, the longest first.
func (p *tab) traceTasks(do func()) []task {
	p.t.Helper()
	type traceEvent struct {
		Name string  `json:"name"`
		PID  int     `json:"pid"`
		TID  int     `json:"tid"`
		Dur  float64 `json:"dur"`  // microseconds
		TDur float64 `json:"tdur"` // the same of the processor
		Args struct {
			Name string `json:"name"`
		} `json:"args"`
	}
	var (
		mu       sync.Mutex
		events   []traceEvent
		complete = make(chan struct{})
		once     sync.Once
	)
	err := chromedp.Listen(p.ctx, func(event any) {
		switch e := event.(type) {
		case *tracing.EventDataCollected:
			mu.Lock()
			for _, value := range e.Value {
				var t traceEvent
				if json.Unmarshal([]byte(value), &t) == nil {
					events = append(events, t)
				}
			}
			mu.Unlock()
		case *tracing.EventTracingComplete:
			once.Do(func() { close(complete) })
		}
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.do(send(tracing.Start, tracing.StartParams{TraceConfig: &tracing.TraceConfig{IncludedCategories: []string{"toplevel", "disabled-by-default-devtools.timeline", "__metadata"}}}))
	do()
	p.do(send(tracing.End, cdp.Empty{}))
	select {
	case <-complete:
	case <-time.After(3 * patience):
		p.t.Fatal("no trace came")
	}
	mu.Lock()
	defer mu.Unlock()
	main := map[[2]int]bool{}
	for _, e := range events {
		if e.Name == "thread_name" && e.Args.Name == "CrRendererMain" {
			main[[2]int{e.PID, e.TID}] = true
		}
	}
	var tasks []task
	for _, e := range events {
		if (e.Name == "RunTask" || e.Name == "ThreadControllerImpl::RunTask") && main[[2]int{e.PID, e.TID}] {
			tasks = append(tasks, task{time.Duration(e.Dur) * time.Microsecond, time.Duration(e.TDur) * time.Microsecond})
		}
	}
	if len(tasks) == 0 {
		p.t.Fatalf("the trace of %d events has no task", len(events))
	}
	slices.SortFunc(tasks, func(a, b task) int { return int(b.wall - a.wall) })
	return tasks
}
