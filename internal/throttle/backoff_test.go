package throttle

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"
)

func TestDelays(t *testing.T) {
	const s = time.Second
	d := Delays{First: 2 * s, FirstNetwork: 5 * s, Most: time.Minute, MostAsked: 10 * time.Minute}
	patient := Delays{First: 30 * s, FirstNetwork: 40 * s, Most: time.Minute, MostAsked: 30 * s}
	noon := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	late := time.Date(2026, 3, 4, 23, 59, 57, 0, time.UTC)
	abroad := late.In(time.FixedZone("", 5*3600+1800)) // the same moment
	for name, test := range map[string]struct {
		delay func() time.Duration
		want  time.Duration
	}{
		"a first retry":                {func() time.Duration { return d.Retry(false, 1) }, 2 * s},
		"a second":                     {func() time.Duration { return d.Retry(false, 2) }, 4 * s},
		"a third":                      {func() time.Duration { return d.Retry(false, 3) }, 8 * s},
		"a first, network":             {func() time.Duration { return d.Retry(true, 1) }, 5 * s},
		"a third, network":             {func() time.Duration { return d.Retry(true, 3) }, 20 * s},
		"a tenth":                      {func() time.Duration { return d.Retry(false, 10) }, time.Minute},
		"a retry after years":          {func() time.Duration { return d.Retry(true, math.MaxInt) }, time.Minute},
		"a third, slow by option":      {func() time.Duration { return patient.Retry(false, 3) }, 2 * time.Minute},
		"a fourth, slow by option":     {func() time.Duration { return patient.Retry(false, 4) }, 2 * time.Minute},
		"a rest after no failure":      {func() time.Duration { return d.Rest(false, 0) }, 2 * s},
		"a rest after one":             {func() time.Duration { return d.Rest(false, 1) }, 2 * s},
		"a rest after four":            {func() time.Duration { return d.Rest(true, 4) }, 40 * s},
		"a rest after five":            {func() time.Duration { return d.Rest(true, 5) }, time.Minute},
		"a rest, slow by option":       {func() time.Duration { return patient.Rest(false, 3) }, time.Minute},
		"asked for little":             {func() time.Duration { return d.Asked(7 * s) }, 7 * s},
		"asked for too much":           {func() time.Duration { return d.Asked(time.Hour) }, 10 * time.Minute},
		"throttled":                    {func() time.Duration { return d.Throttled(1) }, 2 * s},
		"throttled again":              {func() time.Duration { return d.Throttled(3) }, 8 * s},
		"throttled for long":           {func() time.Duration { return d.Throttled(40) }, time.Minute},
		"throttled, impatient":         {func() time.Duration { return patient.Throttled(40) }, 30 * s},
		"key refused":                  {func() time.Duration { return d.Refused(1) }, 5 * s},
		"key refused again":            {func() time.Duration { return d.Refused(3) }, 20 * s},
		"key refused for long":         {func() time.Duration { return d.Refused(100) }, time.Minute},
		"quota":                        {func() time.Duration { return d.Quota(1, noon) }, time.Minute},
		"quota again":                  {func() time.Duration { return d.Quota(3, noon) }, 4 * time.Minute},
		"quota for long":               {func() time.Duration { return d.Quota(9, noon) }, 10 * time.Minute},
		"quota, little may be asked":   {func() time.Duration { return patient.Quota(9, noon) }, time.Minute},
		"quota, reset soon":            {func() time.Duration { return d.Quota(9, late) }, 3 * s},
		"quota, reset soon, elsewhere": {func() time.Duration { return d.Quota(1, abroad) }, 3 * s},
	} {
		t.Run(name, func(t *testing.T) {
			least, most := time.Duration(math.MaxInt64), time.Duration(0)
			for range 500 {
				got := test.delay()
				least, most = min(least, got), max(most, got)
			}
			// Jitter adds up to a fifth and takes nothing away.
			if least < test.want || most > test.want+test.want/5 {
				t.Errorf("from %v to %v, want %v and up to a fifth more", least, most, test.want)
			}
			if least > test.want+test.want/50 || most < test.want+test.want*9/50 {
				t.Errorf("from %v to %v: hardly any jitter", least, most)
			}
		})
	}
}

func TestDelaysOfNothing(t *testing.T) {
	if d := (Delays{Most: time.Minute, MostAsked: time.Minute}).Retry(false, 3); d != 0 {
		t.Errorf("waits %v", d)
	}
	if d := jitter(math.MaxInt64); d != math.MaxInt64 {
		t.Errorf("the longest delay became %v", d)
	}
}

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := Sleep(t.Context(), time.Minute); err != nil || time.Since(began) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		if err := Sleep(ctx, time.Minute); err == nil || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if err := Sleep(ctx, 0); err == nil {
			t.Error("slept although its context had ended")
		}
	})
}
