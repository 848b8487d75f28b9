package jsontext

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// What looks at eight bytes at once says the same as a look at each.
func TestTextsAreJudgedByteByByte(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	special := []byte{0, 1, 0x1f, ' ', '!', '"', '#', '[', '\\', ']', '~', 0x80, 0xbf, 0xc3, 0xff}
	for range 200_000 {
		text := []byte(strings.Repeat("a", random.IntN(80)))
		for range random.IntN(3) {
			if len(text) > 0 {
				text[random.IntN(len(text))] = special[random.IntN(len(special))]
			}
		}
		s := string(text)
		plain := !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r > '~' })
		storable := utf8.ValidString(s) && !strings.Contains(s, "\x00")
		if IsPlain(s) != plain || isStorable(s) != storable {
			t.Fatalf("%q: plain %v, not %v; storable %v, not %v", s, IsPlain(s), plain, isStorable(s), storable)
		}
	}
}

func TestDatesAreThoseOfTheCalendar(t *testing.T) {
	at := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	for day := at.Unix() / secondsPerDay; at.Year() < 10_000; day++ {
		year, month, dom := civil(day)
		if wantYear, wantMonth, wantDay := at.Date(); year != wantYear || month != int(wantMonth) || dom != wantDay {
			t.Fatalf("day %d is %v, not %d-%d-%d", day, at, year, month, dom)
		}
		at = at.AddDate(0, 0, 1)
	}
}

// Times of today and of other days are written the same, before and after the day
// is known.
func TestDateOfToday(t *testing.T) {
	now := time.Now().UTC()
	today.Store(nil)
	for _, at := range []time.Time{now, now.AddDate(0, 0, -1), now.AddDate(0, 0, 1), time.Unix(0, 0).UTC(), time.Unix(-1, 0).UTC()} {
		want := at.Format("2006-01-02T15:04:05")
		if got := string(appendDateTime(nil, at.Unix())); got != want {
			t.Errorf("%s, not %s", got, want)
		}
		NoteToday(now.Unix())
		if got := string(appendDateTime(nil, at.Unix())); got != want {
			t.Errorf("with today's date: %s, not %s", got, want)
		}
	}
}
