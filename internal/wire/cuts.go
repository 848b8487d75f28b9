package wire

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
)

// Cuts are the paths of what was cut or left out of an entry's attributes.
type Cuts struct {
	paths []string
	more  int // that are not named
}

const (
	namedCuts = 20 // paths that are named
	maxPath   = 80 // the size of each, as the server measures it

	// CutsKey is the root attribute that has the list.
	CutsKey = "_truncated"

	// maxCuts is the most that their list takes.
	maxCuts = len(`"_truncated": [], `) + (namedCuts+1)*(maxPath+len(`"", `))
)

// Note notes the path to something: keys with dots between them, and indices.
func (c *Cuts) Note(path string) {
	if len(c.paths) == namedCuts {
		c.more++
		return
	}
	c.paths = append(c.paths, jsontext.CutMeasured(path, maxPath))
}

// noteAt notes a part of a container.
func (c *Cuts) noteAt(at path, p *part) {
	if len(c.paths) == namedCuts {
		c.more++
		return
	}
	c.Note(at.to(p).text)
}

// Within puts the paths from the from-th on below key.
func (c *Cuts) Within(key string, from int) {
	for i := from; i < len(c.paths); i++ {
		c.paths[i] = jsontext.CutMeasured(key+"."+c.paths[i], maxPath)
	}
}

// Len is how many paths are named.
func (c *Cuts) Len() int { return len(c.paths) }

// AppendJSON appends the paths, of which there is one at least, as a JSON array.
func (c *Cuts) AppendJSON(b []byte) []byte {
	b = append(b, '[')
	for _, path := range c.paths {
		b = append(jsontext.AppendString(b, path), ',')
	}
	if c.more > 0 {
		b = append(jsontext.AppendString(b, fmt.Sprintf(moreCuts, c.more)), ',')
	}
	b[len(b)-1] = ']'
	return b
}

const moreCuts = "… and %d more"

// takeCuts takes the list that an earlier cut left among the members of a root.
func takeCuts(members []byte) (rest []byte, c Cuts) {
	for key, value := range jsontext.Members(members) {
		if string(key) != `"`+CutsKey+`"` || value[0] != '[' {
			rest = append(append(append(append(rest, key...), ':'), value...), ',')
			continue
		}
		c = Cuts{}
		for element := range jsontext.Elements(value[1 : len(value)-1]) {
			if element[0] != '"' {
				continue
			}
			n := 0
			if text := jsontext.Unquote(element); len(c.paths) == namedCuts {
				_, _ = fmt.Sscanf(text, moreCuts, &n)
				c.more += n
			} else {
				c.Note(text)
			}
		}
	}
	return slices.Clip(rest), c
}

// A path leads to a container.
type path struct {
	text  string
	depth int // 0 for the root
}

var (
	root         = path{}
	endpointPath = path{EndpointKey, 1}
)

// to is the path to a part of the container.
func (at path) to(p *part) path {
	at.depth++
	switch {
	case len(at.text) > maxPath: // it will be cut
	case p.key == nil:
		at.text += "[" + strconv.Itoa(p.index) + "]"
	case at.text == "":
		at.text = jsontext.Unquote(p.key)
	default:
		at.text += "." + jsontext.Unquote(p.key)
	}
	return at
}
