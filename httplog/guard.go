package httplog

// safe reports whether the value of the parameter may be logged.
func (m *middleware) safe(name string) bool {
	if m.opts.SafeParams == nil {
		return !secretName(name)
	}
	return guard(false, func() bool { return m.opts.SafeParams(name) })
}

// guard returns what the callback f returns, or fallback when f panics. The
// request must not suffer from the logging of it.
func guard[T any](fallback T, f func() T) (result T) {
	result = fallback
	defer func() { _ = recover() }()
	return f()
}
