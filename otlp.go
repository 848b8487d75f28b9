package ledger

import "log/slog"

const restOfEndpointKey = "ledger.endpoint"

func reserved(string) bool                  { return false }
func (w *walk) setApart(*slog.Attr) bool    { return false }
func newOTLPFormat(c *config) *ledgerFormat { return newLedgerFormat(c) }
