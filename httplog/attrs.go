package httplog

import "log/slog"

// Attrs are made where they stay. One that is made elsewhere is written in words
// and copied at once in pairs of them, for which the processor waits: that took
// longer than all else that is done for an attr.

// grow returns attrs with one more, and that one, to be set.
func grow(attrs []slog.Attr) ([]slog.Attr, *slog.Attr) {
	attrs = append(attrs, slog.Attr{})
	return attrs, &attrs[len(attrs)-1]
}

func setString(a *slog.Attr, key, value string) {
	a.Key = key
	a.Value = slog.StringValue(value)
}

func appendString(attrs []slog.Attr, key, value string) []slog.Attr {
	attrs, a := grow(attrs)
	setString(a, key, value)
	return attrs
}

func appendInt64(attrs []slog.Attr, key string, value int64) []slog.Attr {
	attrs, a := grow(attrs)
	a.Key = key
	a.Value = slog.Int64Value(value)
	return attrs
}

func appendGroup(attrs []slog.Attr, key string, members []slog.Attr) []slog.Attr {
	attrs, a := grow(attrs)
	a.Key = key
	a.Value = slog.GroupValue(members...)
	return attrs
}
