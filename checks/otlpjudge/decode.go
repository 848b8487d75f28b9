package otlpjudge

import (
	"compress/gzip"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
)

// A Record is a decoded log record and what it came with.
type Record struct {
	Resource     Members
	ScopeName    string
	ScopeVersion string

	Time         time.Time
	Observed     time.Time
	Severity     int
	SeverityText string
	Body         Value
	Attributes   Members
	TraceID      string // hex
	SpanID       string
}

// ReadRequest decodes the request of a handler, compressed or not.
func ReadRequest(r *http.Request) ([]Record, error) {
	if got := r.Header.Get("Content-Type"); got != "application/x-protobuf" {
		return nil, fmt.Errorf("content type %q", got)
	}
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		zr, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		body = zr
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	return Decode(text)
}

// Decode reads an ExportLogsServiceRequest. It is an error when it holds fields
// that OTLP does not have, text that is not UTF-8, or anything that does not
// survive being marshaled again; and when it nests more than a hundred messages,
// which Go's decoder takes but those for Python, Java, C++ and Rust do not.
func Decode(body []byte) ([]Record, error) {
	var request collector.ExportLogsServiceRequest
	if err := (proto.UnmarshalOptions{RecursionLimit: 100}).Unmarshal(body, &request); err != nil {
		return nil, err
	}
	if err := checkFields(request.ProtoReflect()); err != nil {
		return nil, err
	}
	again, err := proto.MarshalOptions{Deterministic: true}.Marshal(&request)
	if err != nil {
		return nil, err
	}
	var same collector.ExportLogsServiceRequest
	if err := proto.Unmarshal(again, &same); err != nil {
		return nil, err
	}
	if !proto.Equal(&request, &same) {
		return nil, errors.New("marshaled again it differs:\n" + cmp.Diff(&request, &same, protocmp.Transform()))
	}
	if len(again) > len(body) {
		return nil, fmt.Errorf("%d bytes decode to what takes %d", len(body), len(again))
	}
	var records []Record
	for _, rl := range request.GetResourceLogs() {
		if rl.GetResource() == nil || rl.GetSchemaUrl() != "" {
			return nil, errors.New("no resource, or a schema URL")
		}
		for _, sl := range rl.GetScopeLogs() {
			for _, r := range sl.GetLogRecords() {
				record, err := readRecord(r)
				if err != nil {
					return nil, err
				}
				record.Resource = readMembers(rl.GetResource().GetAttributes())
				record.ScopeName, record.ScopeVersion = sl.GetScope().GetName(), sl.GetScope().GetVersion()
				records = append(records, record)
			}
		}
	}
	return records, nil
}

func readRecord(r *logs.LogRecord) (Record, error) {
	if n := len(r.GetTraceId()); n != 0 && n != 16 {
		return Record{}, fmt.Errorf("trace id of %d bytes", n)
	}
	if n := len(r.GetSpanId()); n != 0 && n != 8 {
		return Record{}, fmt.Errorf("span id of %d bytes", n)
	}
	if r.GetDroppedAttributesCount() != 0 || r.GetFlags() != 0 || r.GetEventName() != "" {
		return Record{}, errors.New("fields that nothing was logged for")
	}
	return Record{
		Time:         time.Unix(0, int64(r.GetTimeUnixNano())).UTC(),
		Observed:     time.Unix(0, int64(r.GetObservedTimeUnixNano())).UTC(),
		Severity:     int(r.GetSeverityNumber()),
		SeverityText: r.GetSeverityText(),
		Body:         readValue(r.GetBody()),
		Attributes:   readMembers(r.GetAttributes()),
		TraceID:      hex.EncodeToString(r.GetTraceId()),
		SpanID:       hex.EncodeToString(r.GetSpanId()),
	}, nil
}

func checkFields(m protoreflect.Message) (err error) {
	if unknown := m.GetUnknown(); len(unknown) > 0 {
		return fmt.Errorf("%s has unknown fields: %x", m.Descriptor().FullName(), unknown)
	}
	check := func(f protoreflect.FieldDescriptor, v protoreflect.Value) error {
		switch f.Kind() {
		case protoreflect.MessageKind:
			return checkFields(v.Message())
		case protoreflect.StringKind:
			if !utf8.ValidString(v.String()) {
				return fmt.Errorf("%s is not UTF-8: %q", f.FullName(), v.String())
			}
		case protoreflect.EnumKind:
			if f.Enum().Values().ByNumber(v.Enum()) == nil {
				return fmt.Errorf("%s has no value %d", f.FullName(), v.Enum())
			}
		}
		return nil
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if !f.IsList() {
			err = check(f, v)
			return err == nil
		}
		for i := range v.List().Len() {
			if err = check(f, v.List().Get(i)); err != nil {
				return false
			}
		}
		return true
	})
	return err
}
