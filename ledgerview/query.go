package ledgerview

import (
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// maxQuery is how long a query may be, in bytes. It bounds how deeply its parentheses nest, too.
const maxQuery = 4096

// A QueryError says what is wrong with a query, and where.
type queryError struct {
	text     string
	position int // in UTF-16 units, as a browser counts
}

func (e *queryError) Error() string { return e.text }

// The grammar, where unary binds tightest and two terms side by side are both wanted:
//
//	query = or .   or = and { "OR" and } .   and = unary { unary } .
//	unary = "-" unary | "(" or ")" | word | phrase | key ":" value .
//
// Positions are bytes until an error leaves the parser.

type tokenKind uint8

const (
	tokenWord tokenKind = iota
	tokenPair           // key:value
	tokenOr
	tokenNot
	tokenOpen
	tokenClose
)

type token struct {
	kind    tokenKind
	key     string
	text    string // of a word, or the value of a pair; unquoted
	quoted  bool
	at      int
	valueAt int
}

// parseQuery compiles a query. An empty one is nil, which matches all.
func parseQuery(q string) (matcher, error) {
	if len(q) > maxQuery {
		return nil, &queryError{"the query is longer than 4096 bytes", 0}
	}
	tokens, fault := lexQuery(q)
	if fault == nil && len(tokens) > 0 {
		p := queryParser{tokens: tokens}
		var m matcher
		if m, fault = p.or(); fault == nil && p.at < len(tokens) {
			fault = &queryError{"no parenthesis is open here", tokens[p.at].at}
		}
		if fault == nil {
			return m, nil
		}
	}
	if fault != nil {
		fault.position = utf16Index(q, fault.position)
		return nil, fault
	}
	return nil, nil
}

// utf16Index turns a position in bytes into one in UTF-16 units.
func utf16Index(s string, at int) (n int) {
	for _, r := range s[:min(at, len(s))] {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

func lexQuery(q string) (tokens []token, fault *queryError) {
	for i := 0; i < len(q); {
		r, size := utf8.DecodeRuneInString(q[i:])
		switch {
		case unicode.IsSpace(r):
			i += size
		case r == '(':
			tokens = append(tokens, token{kind: tokenOpen, at: i})
			i++
		case r == ')':
			tokens = append(tokens, token{kind: tokenClose, at: i})
			i++
		case r == '-' && !endsTerm(q[i+1:]):
			tokens = append(tokens, token{kind: tokenNot, at: i})
			i++
		default:
			t, end, fault := lexTerm(q, i)
			if fault != nil {
				return nil, fault
			}
			tokens = append(tokens, t)
			i = end
		}
	}
	return tokens, nil
}

// endsTerm reports whether a term cannot go on with rest.
func endsTerm(rest string) bool {
	r, _ := utf8.DecodeRuneInString(rest)
	return rest == "" || unicode.IsSpace(r) || r == ')'
}

// lexTerm reads a word, a phrase or a pair.
func lexTerm(q string, at int) (t token, end int, fault *queryError) {
	t = token{kind: tokenWord, at: at, valueAt: at}
	var text strings.Builder
	i := at
	for i < len(q) {
		r, size := utf8.DecodeRuneInString(q[i:])
		if unicode.IsSpace(r) || r == '(' || r == ')' {
			break
		}
		switch {
		case r == '"':
			t.quoted = true
			if i, fault = lexQuoted(q, i, &text); fault != nil {
				return t, i, fault
			}
		case r == ':' && t.kind == tokenWord && !t.quoted && text.Len() > 0:
			t.kind, t.key = tokenPair, text.String()
			text.Reset()
			i++
			t.valueAt = i
		default:
			text.WriteString(q[i : i+size])
			i += size
		}
	}
	t.text = text.String()
	if t.kind == tokenWord && !t.quoted && t.text == "OR" {
		t.kind = tokenOr
	}
	return t, i, nil
}

// lexQuoted reads what stands between the quote at position open and the next. A backslash before a quote or another
// backslash is taken away.
func lexQuoted(q string, open int, text *strings.Builder) (end int, fault *queryError) {
	for i := open + 1; i < len(q); i++ {
		switch {
		case q[i] == '"':
			return i + 1, nil
		case q[i] == '\\' && i+1 < len(q) && (q[i+1] == '"' || q[i+1] == '\\'):
			i++
		}
		text.WriteByte(q[i])
	}
	return len(q), &queryError{"this quote is not closed", open}
}

type queryParser struct {
	tokens []token
	at     int
}

// next reports whether the next token is one of that kind.
func (p *queryParser) next(kind tokenKind) bool {
	return p.at < len(p.tokens) && p.tokens[p.at].kind == kind
}

func (p *queryParser) or() (matcher, *queryError) {
	var any []matcher
	for {
		m, fault := p.and()
		if fault != nil {
			return nil, fault
		}
		any = append(any, m)
		if !p.next(tokenOr) {
			return matchAny(any), nil
		}
		at := p.tokens[p.at].at
		p.at++
		if p.at == len(p.tokens) || p.next(tokenClose) || p.next(tokenOr) {
			return nil, &queryError{"OR needs something after it", at}
		}
	}
}

func (p *queryParser) and() (matcher, *queryError) {
	var all []matcher
	for p.at < len(p.tokens) && !p.next(tokenClose) && !p.next(tokenOr) {
		m, fault := p.unary()
		if fault != nil {
			return nil, fault
		}
		all = append(all, m)
	}
	if len(all) == 0 {
		if p.next(tokenOr) {
			return nil, &queryError{"OR needs something before it", p.tokens[p.at].at}
		}
		return nil, &queryError{"no parenthesis is open here", p.tokens[p.at].at}
	}
	return matchAll(all), nil
}

func (p *queryParser) unary() (matcher, *queryError) {
	t := p.tokens[p.at]
	p.at++
	switch t.kind {
	case tokenNot:
		if p.at == len(p.tokens) || p.next(tokenClose) || p.next(tokenOr) {
			return nil, &queryError{"- needs something after it", t.at}
		}
		m, fault := p.unary()
		if fault != nil {
			return nil, fault
		}
		return matchNot(m), nil
	case tokenOpen:
		if p.next(tokenClose) {
			return nil, &queryError{"nothing between the parentheses", t.at}
		}
		if p.at == len(p.tokens) {
			return nil, &queryError{"this parenthesis is not closed", t.at}
		}
		m, fault := p.or()
		if fault != nil {
			return nil, fault
		}
		if !p.next(tokenClose) {
			return nil, &queryError{"this parenthesis is not closed", t.at}
		}
		p.at++
		return m, nil
	case tokenPair:
		return compilePair(&t)
	default:
		if t.text == "" {
			return nil, &queryError{"nothing between the quotes", t.at}
		}
		return matchWord(t.text), nil
	}
}
