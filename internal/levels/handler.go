package levels

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"strings"

	"github.com/ledger-sdk/ledger-go/internal/jsonhttp"
)

// Handler serves level, to read it with GET and to change it with PUT.
func Handler(level *slog.LevelVar) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code, answer := http.StatusOK, map[string]string{}
		switch r.Method {
		case http.MethodGet, http.MethodHead:
		case http.MethodPut:
			set, err := requested(w, r)
			if err != nil {
				code, answer["error"] = http.StatusBadRequest, err.Error()
			} else {
				level.Set(set)
			}
		default:
			w.Header().Set("Allow", "GET, HEAD, PUT")
			code, answer["error"] = http.StatusMethodNotAllowed, "only GET and PUT are supported"
		}
		if code == http.StatusOK {
			answer["level"] = level.Level().String()
		}
		jsonhttp.Send(w, code, answer)
	})
}

// maxRequest is far more than a level takes.
const maxRequest = 4 << 10

// requested reads the level out of a request: JSON, or a form.
func requested(w http.ResponseWriter, r *http.Request) (slog.Level, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
	var body struct {
		Level *string `json:"level"`
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/x-www-form-urlencoded" {
		if text := r.PostFormValue("level"); text != "" {
			body.Level = &text
		}
	} else if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return 0, fmt.Errorf(`want {"level":"DEBUG"}: %w`, err)
	}
	if body.Level == nil {
		return 0, errors.New(`no level: want {"level":"DEBUG"}`)
	}
	parsed, err := Parse(strings.TrimSpace(*body.Level))
	if err != nil {
		return 0, err
	}
	level, ok := parsed.(slog.Level)
	if !ok {
		return 0, notALevel(*body.Level)
	}
	return level, nil
}
