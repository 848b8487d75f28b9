package httplog

import "net/http"

// wrap returns the response with exactly the optional interfaces of the writer
// inside. A type has the methods it has, so each combination is a type of its
// own. Libraries that make them of functions allocate for every function and
// every call, which costs more than the logging.
func (rw *response) wrap() http.ResponseWriter {
	switch optional(rw.writer) {
	case canFlush:
		return flusher{rw}
	case canHijack:
		return hijacker{rw}
	case canFlush | canHijack:
		return struct {
			*response
			flusher
			hijacker
		}{rw, flusher{rw}, hijacker{rw}}
	case canReadFrom:
		return readerFrom{rw}
	case canFlush | canReadFrom:
		return struct {
			*response
			flusher
			readerFrom
		}{rw, flusher{rw}, readerFrom{rw}}
	case canHijack | canReadFrom:
		return struct {
			*response
			hijacker
			readerFrom
		}{rw, hijacker{rw}, readerFrom{rw}}
	case canFlush | canHijack | canReadFrom:
		return struct {
			*response
			flusher
			hijacker
			readerFrom
		}{rw, flusher{rw}, hijacker{rw}, readerFrom{rw}}
	case canPush:
		return pusher{rw}
	case canFlush | canPush:
		return struct {
			*response
			flusher
			pusher
		}{rw, flusher{rw}, pusher{rw}}
	case canHijack | canPush:
		return struct {
			*response
			hijacker
			pusher
		}{rw, hijacker{rw}, pusher{rw}}
	case canFlush | canHijack | canPush:
		return struct {
			*response
			flusher
			hijacker
			pusher
		}{rw, flusher{rw}, hijacker{rw}, pusher{rw}}
	case canReadFrom | canPush:
		return struct {
			*response
			readerFrom
			pusher
		}{rw, readerFrom{rw}, pusher{rw}}
	case canFlush | canReadFrom | canPush:
		return struct {
			*response
			flusher
			readerFrom
			pusher
		}{rw, flusher{rw}, readerFrom{rw}, pusher{rw}}
	case canHijack | canReadFrom | canPush:
		return struct {
			*response
			hijacker
			readerFrom
			pusher
		}{rw, hijacker{rw}, readerFrom{rw}, pusher{rw}}
	case canFlush | canHijack | canReadFrom | canPush:
		return struct {
			*response
			flusher
			hijacker
			readerFrom
			pusher
		}{rw, flusher{rw}, hijacker{rw}, readerFrom{rw}, pusher{rw}}
	case canCloseNotify:
		return closeNotifier{rw}
	case canFlush | canCloseNotify:
		return struct {
			*response
			flusher
			closeNotifier
		}{rw, flusher{rw}, closeNotifier{rw}}
	case canHijack | canCloseNotify:
		return struct {
			*response
			hijacker
			closeNotifier
		}{rw, hijacker{rw}, closeNotifier{rw}}
	case canFlush | canHijack | canCloseNotify:
		return struct {
			*response
			flusher
			hijacker
			closeNotifier
		}{rw, flusher{rw}, hijacker{rw}, closeNotifier{rw}}
	case canReadFrom | canCloseNotify:
		return struct {
			*response
			readerFrom
			closeNotifier
		}{rw, readerFrom{rw}, closeNotifier{rw}}
	case canFlush | canReadFrom | canCloseNotify:
		return struct {
			*response
			flusher
			readerFrom
			closeNotifier
		}{rw, flusher{rw}, readerFrom{rw}, closeNotifier{rw}}
	case canHijack | canReadFrom | canCloseNotify:
		return struct {
			*response
			hijacker
			readerFrom
			closeNotifier
		}{rw, hijacker{rw}, readerFrom{rw}, closeNotifier{rw}}
	case canFlush | canHijack | canReadFrom | canCloseNotify:
		return struct {
			*response
			flusher
			hijacker
			readerFrom
			closeNotifier
		}{rw, flusher{rw}, hijacker{rw}, readerFrom{rw}, closeNotifier{rw}}
	case canPush | canCloseNotify:
		return struct {
			*response
			pusher
			closeNotifier
		}{rw, pusher{rw}, closeNotifier{rw}}
	case canFlush | canPush | canCloseNotify:
		return struct {
			*response
			flusher
			pusher
			closeNotifier
		}{rw, flusher{rw}, pusher{rw}, closeNotifier{rw}}
	case canHijack | canPush | canCloseNotify:
		return struct {
			*response
			hijacker
			pusher
			closeNotifier
		}{rw, hijacker{rw}, pusher{rw}, closeNotifier{rw}}
	case canFlush | canHijack | canPush | canCloseNotify:
		return struct {
			*response
			flusher
			hijacker
			pusher
			closeNotifier
		}{rw, flusher{rw}, hijacker{rw}, pusher{rw}, closeNotifier{rw}}
	case canReadFrom | canPush | canCloseNotify:
		return struct {
			*response
			readerFrom
			pusher
			closeNotifier
		}{rw, readerFrom{rw}, pusher{rw}, closeNotifier{rw}}
	case canFlush | canReadFrom | canPush | canCloseNotify:
		return struct {
			*response
			flusher
			readerFrom
			pusher
			closeNotifier
		}{rw, flusher{rw}, readerFrom{rw}, pusher{rw}, closeNotifier{rw}}
	case canHijack | canReadFrom | canPush | canCloseNotify:
		return struct {
			*response
			hijacker
			readerFrom
			pusher
			closeNotifier
		}{rw, hijacker{rw}, readerFrom{rw}, pusher{rw}, closeNotifier{rw}}
	case canFlush | canHijack | canReadFrom | canPush | canCloseNotify:
		return struct {
			*response
			flusher
			hijacker
			readerFrom
			pusher
			closeNotifier
		}{rw, flusher{rw}, hijacker{rw}, readerFrom{rw}, pusher{rw}, closeNotifier{rw}}
	}
	return rw
}
