package ledgerview

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

const (
	maxSource    = 4 << 20 // bytes of a file that is read
	maxContext   = 50      // lines before and after
	maxKnownFile = 4096    // files remembered to be there or not
)

// sources finds the source files of the program that logs. It never leaves its directory, not by "..", and not by a
// symbolic link.
type sources struct {
	root   *os.Root // nil when there is no directory
	dir    string
	editor string

	mu    sync.Mutex
	known map[string]bool
}

// newSources opens dir. One that cannot be opened is as none.
func newSources(dir, editor string) *sources {
	s := &sources{editor: editor, known: make(map[string]bool)}
	if dir == "" {
		return s
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return s
	}
	if s.root, err = os.OpenRoot(absolute); err != nil {
		s.root = nil
	}
	s.dir = absolute
	return s
}

func (s *sources) close() error {
	if s.root == nil {
		return nil
	}
	return s.root.Close()
}

// local returns a frame's path relative to the directory, or "" when it cannot lie there.
func (s *sources) local(file string) string {
	if s.root == nil {
		return ""
	}
	name := filepath.FromSlash(file)
	if filepath.IsAbs(name) {
		relative, err := filepath.Rel(s.dir, name)
		if err != nil {
			return ""
		}
		name = relative
	}
	if !filepath.IsLocal(name) || !isSource(name) {
		return ""
	}
	return name
}

// sourceEndings are those of files that frames name. Others, such as .env, are never shown.
var sourceEndings = strings.Fields(`.go .s .c .h .cc .cpp .hpp .rs .py .rb .js .mjs .cjs .jsx .ts .tsx .java .kt .scala .cs .swift .php .ex .exs .templ .vue .svelte`)

// isSource reports whether a file looks like one of a program, and no part of its path is hidden.
func isSource(name string) bool {
	for part := range strings.SplitSeq(filepath.ToSlash(name), "/") {
		if strings.HasPrefix(part, ".") {
			return false
		}
	}
	return slices.Contains(sourceEndings, filepath.Ext(name))
}

// has reports whether the file is there. It remembers what it found.
func (s *sources) has(file string) bool {
	name := s.local(file)
	if name == "" {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	there, ok := s.known[name]
	if !ok {
		info, err := s.root.Stat(name)
		there = err == nil && info.Mode().IsRegular()
		if len(s.known) >= maxKnownFile {
			clear(s.known)
		}
		s.known[name] = there
	}
	return there
}

// own reports whether a frame is of the program's own module: its file is there, or looks like one.
func (s *sources) own(file string) bool { return s.has(file) || ownFile(file) }

// lines returns the lines of a file from first to last, both counted from 1, as many as there are.
func (s *sources) lines(file string, first, last int) ([]string, error) {
	name := s.local(file)
	if name == "" {
		return nil, os.ErrNotExist
	}
	f, err := s.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSource {
		return nil, os.ErrNotExist
	}
	list := []string{}
	reader := bufio.NewReader(io.LimitReader(f, maxSource))
	for number := 1; number <= last; number++ {
		line, err := reader.ReadBytes('\n')
		if number >= first && (err == nil || len(line) > 0) {
			line = bytes.TrimRight(line, "\r\n")
			if !utf8.Valid(line) {
				return nil, os.ErrNotExist // no source
			}
			list = append(list, string(line))
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// link is the address that opens the file in the editor, or "".
func (s *sources) link(file string, line int) string {
	name := s.local(file)
	if name == "" || s.editor == "" {
		return ""
	}
	path := filepath.ToSlash(filepath.Join(s.dir, name))
	return strings.NewReplacer("{file}", escapePath(path), "{line}", strconv.Itoa(line)).Replace(s.editor)
}

// escapePath writes a path as a URL holds it.
func escapePath(path string) string {
	var b strings.Builder
	for _, c := range []byte(path) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("/-._~:@", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteString("%" + strings.ToUpper(hexDigits[c>>4:c>>4+1]+hexDigits[c&15:c&15+1]))
		}
	}
	return b.String()
}

// getSource serves GET /api/source.
func (v *Viewer) getSource(w http.ResponseWriter, r *http.Request) {
	p := readParams(r)
	file := p.values.Get("file")
	line := int(p.number("line", 0, 1, 1<<31-1))
	context := int(p.number("context", 5, 0, maxContext))
	if file == "" {
		p.fail("file", "the path of a frame is needed")
	}
	if line == 0 {
		p.fail("line", "the line of a frame is needed")
	}
	if p.err != nil {
		answerFault(w, p.err)
		return
	}
	first := max(1, line-context)
	lines, err := v.sources.lines(file, first, line+context)
	if err != nil || len(lines) == 0 {
		answerError(w, http.StatusNotFound, "no such line in the directory of -src")
		return
	}
	answerJSON(w, http.StatusOK, map[string]any{
		"file": file, "line": line, "first": first, "lines": lines, "editor": v.sources.link(file, line),
	})
}
