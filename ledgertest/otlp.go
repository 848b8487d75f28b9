package ledgertest

import "time"

const pathLogs = "/v1/logs"

type otlpBatch struct{}

func (b *otlpBatch) entries() []Entry { return nil }

func decodeOTLP(body []byte, contentType string, now time.Time) *otlpBatch { return &otlpBatch{} }

func (x *exchange) ingestOTLP(t tamper) *answer { return detail(404, "Not Found") }
