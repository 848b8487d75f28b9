package jsontext

import (
	"unicode/utf8"
)

// CutMark ends a text that was cut.
const (
	CutMark      = "… [truncated]"
	cutMarkRunes = 13
)

// Cut returns s, or when it has more than limit characters as many whole
// ones of it as leave room for the mark. Most texts have fewer bytes than the
// limit and are not looked at.
func Cut(s string, limit int) string {
	if len(s) <= limit || utf8.RuneCountInString(s) <= limit {
		return s
	}
	return s[:runeIndex(s, max(limit-cutMarkRunes, 0))] + CutMark
}

// runeIndex returns where the n-th character of s begins.
func runeIndex(s string, n int) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

// CutPlain cuts without a mark, for short texts that a mark would fill.
func CutPlain(s string, limit int) string { return s[:runeIndex(s, limit)] }
