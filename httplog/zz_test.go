package httplog_test
import ("testing";"time";"net/http";"net/http/httptest";"log/slog";"context";"sort"
"github.com/ledger-sdk/ledger-go/httplog")
func TestZZ(t *testing.T){
 mux:=benchmarkMux()
 logged:=httplog.Middleware(jsonLogger(nil),nil)(mux)
 logger:=jsonLogger(nil)
 mk:=func(h http.Handler,w http.ResponseWriter,target string,hdr ...string) func(){ r:=httptest.NewRequest("GET",target,nil); for i:=0;i<len(hdr);i+=2{r.Header.Set(hdr[i],hdr[i+1])}; return func(){clear(w.Header()); h.ServeHTTP(w,r)}}
 d:=func() http.ResponseWriter{return &discardWriter{http.Header{}}}
 s:=func() http.ResponseWriter{return &serverWriter{discardWriter: discardWriter{http.Header{}}}}
 fs:=map[string]func(){
 "bare":mk(mux,d(),"/users/42"),
 "line":func(){logger.LogAttrs(context.Background(), slog.LevelInfo, "GET /users/{id} - 200 (45ms)",
				slog.String("method", "GET"),
				slog.String("path", "/users/{id}"),
				slog.Int("status_code", 200),
				slog.Float64("duration_ms", 45.12),
				slog.String("request_id", "6fdd4e1bb72a1c0b0e4f3cf0a0bd7a52"))},
 "plain":mk(logged,d(),"/users/42"),
 "server":mk(logged,s(),"/users/42"),
 "query":mk(logged,d(),"/users/42?page=2&token=s3cr3t"),
 "ids":mk(logged,d(),"/users/42","X-Request-Id", "b7a52", "Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
 }
 res:=map[string][]float64{}
 for range 400 { for k,f:=range fs { t0:=time.Now(); for range 1000 {f()}; res[k]=append(res[k],float64(time.Since(t0).Nanoseconds())/1000)} }
 q:=func(k string,p float64) float64{v:=res[k];sort.Float64s(v);return v[int(float64(len(v)-1)*p)]}
 for _,p:=range []float64{0.05,0.25,0.5}{
 for k:=range fs { t.Logf("p%.2f %8s %7.0f  ratio %.2f", p,k,q(k,p),(q(k,p)-q("bare",p))/q("line",p)) } }
}
