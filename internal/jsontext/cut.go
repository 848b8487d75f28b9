package jsontext

import "unicode/utf8"

// CutMark ends a text that was cut.
const (
	CutMark      = "… [truncated]"
	cutMarkRunes = 13
)

// Cut returns s with at most limit characters. If it has to cut, the text ends in
// [CutMark]. Most texts have fewer bytes than the limit and are not looked at.
func Cut(s string, limit int) string {
	if len(s) <= limit || utf8.RuneCountInString(s) <= limit {
		return s
	}
	return s[:runeIndex(s, max(limit-cutMarkRunes, 0))] + CutMark
}

// runeIndex returns the index at which the n-th character of s begins.
func runeIndex(s string, n int) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

// CutPlain is Cut without a mark, for limits too short for one.
func CutPlain(s string, limit int) string { return s[:runeIndex(s, limit)] }

// CutBytes returns s with at most limit bytes. It cuts where a character begins, and
// ends in the mark, for which limit has room.
func CutBytes(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	end := max(limit-len(CutMark), 0)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + CutMark
}
