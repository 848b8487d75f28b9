package levels

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A level can be read and changed over HTTP. What is no level changes nothing, and
// the answer says what is wrong.
func TestHandler(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	for _, tt := range []struct {
		name, method, kind, body string
		code                     int
		level                    slog.Level // afterwards
		says                     string     // the error
	}{
		{"read", "GET", "", "", 200, slog.LevelWarn, ""},
		{"head", "HEAD", "", "", 200, slog.LevelWarn, ""},
		{"change", "PUT", "application/json", `{"level":"DEBUG"}`, 200, slog.LevelDebug, ""},
		{"no content type", "PUT", "", `{"level":"debug"}`, 200, slog.LevelDebug, ""},
		{"an offset", "PUT", "", `{"level":" ERROR+2 "}`, 200, 10, ""},
		{"as the variable has it", "PUT", "", `{"level":"CRITICAL"}`, 200, slog.Level(12), ""},
		{"a form", "PUT", form, "level=info", 200, slog.LevelInfo, ""},
		{"a form with a charset", "PUT", form + "; charset=utf-8", "level=info", 200, slog.LevelInfo, ""},
		{"no such level", "PUT", "", `{"level":"loud"}`, 400, slog.LevelWarn, `"loud" is not a level`},
		{"off", "PUT", "", `{"level":"off"}`, 400, slog.LevelWarn, `"off" is not a level`},
		{"empty", "PUT", "", `{"level":""}`, 400, slog.LevelWarn, `"" is not a level`},
		{"a number", "PUT", "", `{"level":4}`, 400, slog.LevelWarn, `want {"level":"DEBUG"}`},
		{"no level", "PUT", "", `{}`, 400, slog.LevelWarn, "no level"},
		{"null", "PUT", "", `null`, 400, slog.LevelWarn, "no level"},
		{"no JSON", "PUT", "", `DEBUG`, 400, slog.LevelWarn, `want {"level":"DEBUG"}`},
		{"nothing", "PUT", "", ``, 400, slog.LevelWarn, `want {"level":"DEBUG"}`},
		{"a form without", "PUT", form, "lvl=info", 400, slog.LevelWarn, "no level"},
		{"far too much", "PUT", "", `{"level":"` + strings.Repeat("D", 1<<20) + `"}`, 400, slog.LevelWarn, `too large`},
		{"another method", "POST", "", `{"level":"DEBUG"}`, 405, slog.LevelWarn, "only GET and PUT"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			level := new(slog.LevelVar)
			level.Set(slog.LevelWarn)
			server := httptest.NewServer(Handler(level))
			defer server.Close()
			r, err := http.NewRequestWithContext(t.Context(), tt.method, server.URL, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if tt.kind != "" {
				r.Header.Set("Content-Type", tt.kind)
			}
			answer, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = answer.Body.Close() }()
			text, _ := io.ReadAll(answer.Body)
			if answer.StatusCode != tt.code || level.Level() != tt.level || answer.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%d, %v: %s", answer.StatusCode, level.Level(), text)
			}
			if tt.method == "HEAD" {
				return
			}
			var said struct{ Level, Error string }
			if err := json.Unmarshal(text, &said); err != nil || !strings.Contains(said.Error, tt.says) || (tt.says == "") != (said.Error == "") {
				t.Errorf("%v: %s", err, text)
			}
			if tt.code == 200 && said.Level != tt.level.String() {
				t.Errorf("the answer is %s", text)
			}
		})
	}
}
