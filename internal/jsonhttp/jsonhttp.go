// Package jsonhttp answers requests with JSON that nobody may keep for later.
//
// Package ledger's HTTP handlers for operators call it. It must never know what they
// answer.
package jsonhttp

import (
	"encoding/json"
	"net/http"
)

// Get returns a handler that answers GET and HEAD with what answer returns, and other
// methods with 405.
func Get(answer func() (code int, v any)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		code, v := answer()
		Send(w, code, v)
	})
}

// Send answers with v, which must marshal.
func Send(w http.ResponseWriter, code int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n'))
}
