package ledger

import "unicode/utf8"

// The server's limits on texts, in characters that are Unicode code points
// (ledger-wire 2.1). Text over a limit fails a whole batch, so it is cut.
const (
	maxMessage         = 10_000
	maxErrorType       = 255
	maxErrorMessage    = 5_000
	maxStackTrace      = 50_000
	maxSDKVersion      = 20
	maxPlatformVersion = 50
	maxMethod          = 8
	maxPath            = 2_048
)

// cutMark ends a text that was cut.
const (
	cutMark      = "… [truncated]"
	cutMarkRunes = 13
)

// cutText returns s, or when it has more than limit characters as many whole
// ones of it as leave room for the mark. Most texts have fewer bytes than the
// limit and are not looked at.
func cutText(s string, limit int) string {
	if len(s) <= limit || utf8.RuneCountInString(s) <= limit {
		return s
	}
	return s[:runeIndex(s, max(limit-cutMarkRunes, 0))] + cutMark
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
