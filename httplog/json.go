package httplog

import "strings"

// maskJSON returns the beginning of a JSON text with the values of members
// masked whose names are not safe. The text may be cut anywhere, and need not
// be valid; what is not a member stays as it is.
func maskJSON(text string, safe func(name string) bool) string {
	var b strings.Builder // used from the first secret on
	copied := 0           // what of text is in b
	for i := 0; i < len(text); {
		if text[i] != '"' {
			i++
			continue
		}
		end := endOfString(text, i)
		colon := skipSpace(text, end)
		if colon >= len(text) || text[colon] != ':' {
			i = end
			continue
		}
		name := text[i+1 : end-1]
		i = skipSpace(text, colon+1)
		// An escaped character in a name hides what the name is.
		if i >= len(text) || safe(name) && strings.IndexByte(name, '\\') < 0 {
			continue
		}
		b.WriteString(text[copied:i])
		b.WriteString(`"` + mask + `"`)
		i = endOfValue(text, i)
		copied = i
	}
	if copied == 0 {
		return text
	}
	b.WriteString(text[copied:])
	return b.String()
}

// endOfValue returns the index after the value that begins at i.
func endOfValue(text string, i int) int {
	depth := 0
	for i < len(text) {
		switch text[i] {
		case '"':
			if i = endOfString(text, i); depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i
			}
			if depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return len(text)
}

// endOfString returns the index after the string that begins with the quote
// at i.
func endOfString(text string, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

func skipSpace(text string, i int) int {
	for i < len(text) && strings.IndexByte(" \t\r\n", text[i]) >= 0 {
		i++
	}
	return i
}
