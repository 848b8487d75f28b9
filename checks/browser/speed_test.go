package browser

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go/ledgerview"
)

const (
	recordsPerSecond = 5000
	longestTask      = 100 * time.Millisecond
	stretch          = 4 * time.Second
)

// stream sends recordsPerSecond records a second until the returned func is called, which answers how many it sent.
func (s *server) stream() (stop func() int) {
	const perTick, tick = recordsPerSecond / 10, time.Second / 10
	entries := make([]string, perTick)
	for i := range entries {
		level := []string{"debug", "info", "info", "info", "warning"}[i%5]
		entries[i] = fmt.Sprintf(`{"timestamp":"TIME","level":"%s","message":"order %d created","attributes":{"service":"shop","order_id":"ord_%06d","customer":{"id":%d,"tier":"plus"},"items":%d,"db":{"name":"orders.insert","rows":1},"note":"a text of the usual length, as it stands in a log"}}`, level, i, i, i%97, i%5)
		if i%10 == 0 {
			entries[i] = fmt.Sprintf(`{"timestamp":"TIME","level":"info","log_type":"endpoint","message":"GET /orders/{id} - 200 (%dms)","attributes":{"service":"shop","request_id":"req-%d","endpoint":{"method":"GET","path":"/orders/{id}","status_code":200,"duration_ms":%d.5}}}`, i%50, i/20, i%50)
		}
	}
	body := `{"logs":[` + strings.Join(entries, ",") + `]}`
	done, sent := make(chan struct{}), make(chan int)
	go func() {
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for n := 0; ; n += perTick {
			select {
			case <-done:
				sent <- n
				return
			case now := <-ticker.C:
				stamped := strings.ReplaceAll(body, "TIME", now.UTC().Format("2006-01-02T15:04:05.000000Z"))
				request, err := http.NewRequest("POST", s.url("api/v1/ingest/batch"), strings.NewReader(stamped))
				if err != nil {
					panic(err)
				}
				request.Header.Set("Content-Type", "application/json")
				request.Header.Set("X-API-Key", ledgerview.APIKey)
				response, err := http.DefaultClient.Do(request)
				if err != nil {
					panic(err)
				}
				response.Body.Close()
			}
		}
	}()
	return func() int { close(done); return <-sent }
}

// TestPageStaysSmooth measures the tasks of the page's main thread while records arrive: by the clock, and by the
// processor, which is what is judged, since other programs may run on this machine. It runs alone.
func TestPageStaysSmooth(t *testing.T) {
	s := serve(t)
	s.mix()
	p := open(t, s.url(""))
	stop := s.stream()
	began := time.Now()
	var longest time.Duration
	for _, tab := range []string{"live", "errors", "requests", "traces", "live"} {
		eval[bool](p, fmt.Sprintf(`(location.hash = '#%s', true)`, tab))
		tasks := p.traceTasks(func() { time.Sleep(stretch) }) // a stretch of time is what is measured
		busiest := slices.MaxFunc(tasks, func(a, b task) int { return cmp.Compare(a.cpu, b.cpu) })
		long, busy := 0, time.Duration(0)
		for _, task := range tasks {
			busy += task.cpu
			if task.wall > 50*time.Millisecond {
				long++
			}
		}
		t.Logf("%-8s longest task %3d ms by the clock, %3d ms of processor; %d over 50 ms by the clock; the thread was busy %d %%",
			tab, tasks[0].wall.Milliseconds(), busiest.cpu.Milliseconds(), long, busy*100/stretch)
		longest = max(longest, busiest.cpu)
	}
	rate := float64(stop()) / time.Since(began).Seconds()
	t.Logf("%.0f records/s: longest task %d ms of processor, wanted ≤ %d; scripts hold %s", rate, longest.Milliseconds(), longestTask.Milliseconds(),
		eval[string](p, `Math.round(performance.memory.usedJSHeapSize / 2 ** 20) + ' MiB'`))
	if longest > longestTask {
		t.Errorf("a task had the processor for %v, over %v", longest, longestTask)
	}
	p.is("the page shows what arrived", `document.querySelectorAll('.row').length > 10`)
}
