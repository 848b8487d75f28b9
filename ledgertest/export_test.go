package ledgertest

// LimitMessages lowers the bound on bodies, so that a test of it costs less.
func LimitMessages(n int64) Option { return func(s *Server) { s.maxMessage = n } }
