package httplog_test

import "net/http"

// allWriters returns a writer for each combination of the optional interfaces.
func allWriters(base http.ResponseWriter) []http.ResponseWriter {
	type w = http.ResponseWriter
	return []http.ResponseWriter{
		base,
		struct {
			w
			canFlush
		}{w: base},
		struct {
			w
			canHijack
		}{w: base},
		struct {
			w
			canFlush
			canHijack
		}{w: base},
		struct {
			w
			canReadFrom
		}{w: base},
		struct {
			w
			canFlush
			canReadFrom
		}{w: base},
		struct {
			w
			canHijack
			canReadFrom
		}{w: base},
		struct {
			w
			canFlush
			canHijack
			canReadFrom
		}{w: base},
		struct {
			w
			canPush
		}{w: base},
		struct {
			w
			canFlush
			canPush
		}{w: base},
		struct {
			w
			canHijack
			canPush
		}{w: base},
		struct {
			w
			canFlush
			canHijack
			canPush
		}{w: base},
		struct {
			w
			canReadFrom
			canPush
		}{w: base},
		struct {
			w
			canFlush
			canReadFrom
			canPush
		}{w: base},
		struct {
			w
			canHijack
			canReadFrom
			canPush
		}{w: base},
		struct {
			w
			canFlush
			canHijack
			canReadFrom
			canPush
		}{w: base},
		struct {
			w
			canCloseNotify
		}{w: base},
		struct {
			w
			canFlush
			canCloseNotify
		}{w: base},
		struct {
			w
			canHijack
			canCloseNotify
		}{w: base},
		struct {
			w
			canFlush
			canHijack
			canCloseNotify
		}{w: base},
		struct {
			w
			canReadFrom
			canCloseNotify
		}{w: base},
		struct {
			w
			canFlush
			canReadFrom
			canCloseNotify
		}{w: base},
		struct {
			w
			canHijack
			canReadFrom
			canCloseNotify
		}{w: base},
		struct {
			w
			canFlush
			canHijack
			canReadFrom
			canCloseNotify
		}{w: base},
		struct {
			w
			canPush
			canCloseNotify
		}{w: base},
		struct {
			w
			canFlush
			canPush
			canCloseNotify
		}{w: base},
		struct {
			w
			canHijack
			canPush
			canCloseNotify
		}{w: base},
		struct {
			w
			canFlush
			canHijack
			canPush
			canCloseNotify
		}{w: base},
		struct {
			w
			canReadFrom
			canPush
			canCloseNotify
		}{w: base},
		struct {
			w
			canFlush
			canReadFrom
			canPush
			canCloseNotify
		}{w: base},
		struct {
			w
			canHijack
			canReadFrom
			canPush
			canCloseNotify
		}{w: base},
		struct {
			w
			canFlush
			canHijack
			canReadFrom
			canPush
			canCloseNotify
		}{w: base},
	}
}
