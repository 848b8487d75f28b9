package jsonhttp

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestGet(t *testing.T) {
	asked := 0
	handler := Get(func() (int, any) {
		asked++
		return http.StatusServiceUnavailable, map[string]bool{"healthy": false}
	})
	for _, tt := range []struct {
		method, body, kind, cache, allow string
		code                             int
	}{
		{"GET", "{\"healthy\":false}\n", "application/json", "no-store", "", 503},
		{"HEAD", "{\"healthy\":false}\n", "application/json", "no-store", "", 503}, // net/http leaves the body out
		{"POST", "method not allowed\n", "text/plain; charset=utf-8", "", "GET, HEAD", 405},
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(tt.method, "/", http.NoBody))
		h := w.Header()
		if w.Code != tt.code || w.Body.String() != tt.body || h.Get("Content-Type") != tt.kind || h.Get("Cache-Control") != tt.cache || h.Get("Allow") != tt.allow {
			t.Errorf("%s: %d %v %q", tt.method, w.Code, h, w.Body)
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times, want 2", asked)
	}
}

func TestWhatDoesNotMarshalIsAnError(t *testing.T) {
	w := httptest.NewRecorder()
	Send(w, http.StatusOK, func() {})
	if w.Code != http.StatusInternalServerError {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
}
