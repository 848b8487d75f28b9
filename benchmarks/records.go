package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"
)

// A shape is what a record looks like.
type shape struct {
	name         string
	bound, attrs []slog.Attr
	target       float64 // at most this many times the yardstick
	besides      float64 // so many where two log at once; 0: nothing is promised
}

func fiveAttrs() []slog.Attr {
	return []slog.Attr{
		slog.String("method", "GET"), slog.Int("status", 200), slog.Bool("cached", true),
		slog.Duration("elapsed", 45*time.Millisecond), slog.Float64("ratio", 12.34),
	}
}

func shapes() []shape {
	five := fiveAttrs()
	ten := append(five[:5:5],
		slog.Group("user", slog.Int("id", 42), slog.String("plan", "pro")),
		slog.Time("at", time.Unix(1e9, 0)), slog.Any("err", errors.New("connection refused")),
		slog.String("region", "eu-west-1"), slog.Uint64("bytes", 1234))
	bound := []slog.Attr{
		slog.String("service", "checkout"), slog.String("region", "eu-west-1"), slog.Int("shard", 7),
		slog.String("user_id", "u-123456"), slog.Bool("beta", false),
	}
	return []shape{
		{"no attrs", nil, nil, 0.75, 0.85},
		{"5 attrs", nil, five, 0.65, 0.70},
		{"10 attrs, a group and an error among them", nil, ten, 0.60, 0},
		{"5 bound + 5", bound, five, 0.65, 0.70},
	}
}

// varied returns attrs of many records that differ as those of a service do;
// the JSON line of each is near 300 bytes.
func varied() [][]slog.Attr {
	random := rand.New(rand.NewPCG(1, 2))
	methods := []string{"GET", "GET", "GET", "POST", "PUT", "DELETE"}
	paths := []string{"/api/v1/users/%d", "/api/v1/orders/%d/items", "/api/v1/carts/%d", "/api/v1/sessions/%d"}
	records := make([][]slog.Attr, 2048)
	for i := range records {
		records[i] = []slog.Attr{
			slog.String("method", methods[random.IntN(len(methods))]),
			slog.String("path", fmt.Sprintf(paths[random.IntN(len(paths))], random.IntN(100_000))),
			slog.Int("status", []int{200, 200, 200, 201, 404}[random.IntN(5)]),
			slog.Duration("elapsed", time.Duration(random.IntN(1e5))*time.Microsecond),
			slog.String("agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"),
		}
	}
	return records
}

// logVaried logs n varied records.
func logVaried(log *slog.Logger, records [][]slog.Attr, n int) {
	ctx := context.Background()
	for i := range n {
		log.LogAttrs(ctx, slog.LevelInfo, marker, records[i%len(records)]...)
	}
}

// large are the attrs of a record of 4 kB, in memory of their own.
func large() []slog.Attr { return []slog.Attr{slog.String("text", strings.Repeat("x", 4000))} }
