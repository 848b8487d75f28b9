package ledgerview

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync/atomic"
	"time"
)

const (
	maxLine   = 1 << 20                // bytes of a line that are kept
	pipeBatch = 500                    // lines that are stored together
	pipeIdle  = 300 * time.Millisecond // after which the rest of a crash is not waited for
	maxCrash  = 2000                   // lines of a crash
)

// pipes numbers what was piped or opened, so that each is a run of its own.
var pipes atomic.Uint64

// Pipe reads the lines of a program's output until r ends, keeps each as a record, and writes all of it to echo as it
// came; nil writes nowhere. It reads lines of JSON as slog, zap, zerolog and their likes write them, and slog's text;
// of any other line the whole is the message. The lines of a crash of a Go program are one record.
//
// It returns nil at the end of r, and an error when reading fails. When echo fails Pipe goes on, and returns the error
// at the end. After Close it keeps nothing more, but still reads and echoes.
func (v *Viewer) Pipe(r io.Reader, echo io.Writer) error {
	if echo == nil {
		echo = io.Discard
	}
	p := pipe{
		viewer: v, instance: fmt.Sprintf("pipe %d", pipes.Add(1)),
		lines: make(chan [][]byte, 4), failed: make(chan error, 1),
	}
	go p.read(r, echo)
	return p.run()
}

type pipe struct {
	viewer   *Viewer
	instance string
	lines    chan [][]byte // closed at the end
	failed   chan error    // how reading ended
	crash    [][]byte      // lines of a crash that goes on
	records  []record
}

// read reads and echoes lines, and hands on as many as there are at once.
func (p *pipe) read(r io.Reader, echo io.Writer) {
	defer close(p.lines)
	in := bufio.NewReaderSize(r, 64<<10)
	var batch [][]byte
	var echoErr error
	for {
		line, err := readLine(in, maxLine, func(b []byte) {
			if echoErr == nil {
				_, echoErr = echo.Write(b)
			}
		})
		if len(line) > 0 {
			batch = append(batch, line)
		}
		if len(batch) == pipeBatch || len(batch) > 0 && (err != nil || in.Buffered() == 0) {
			p.lines <- batch
			batch = nil
		}
		if err != nil {
			if err == io.EOF {
				err = nil
			} else {
				err = fmt.Errorf("ledgerview: read lines: %w", err)
			}
			if echoErr != nil {
				echoErr = fmt.Errorf("ledgerview: pass lines on: %w", echoErr)
			}
			p.failed <- errors.Join(err, echoErr)
			return
		}
	}
}

// readLine returns a copy of the next line, at most limit bytes of it, with its end. All of it goes to echo.
func readLine(in *bufio.Reader, limit int, echo func([]byte)) (line []byte, err error) {
	size := 0
	for {
		part, err := in.ReadSlice('\n')
		if len(part) > 0 {
			echo(part)
		}
		size += len(part)
		line = append(line, part[:min(len(part), limit-len(line))]...)
		if err == bufio.ErrBufferFull {
			continue
		}
		if size > limit {
			line = append(bytes.ToValidUTF8(line, nil), cutMark...)
		}
		return line, err
	}
}

// run keeps what read hands on.
func (p *pipe) run() error {
	idle := time.NewTimer(pipeIdle)
	defer idle.Stop()
	for {
		select {
		case batch, ok := <-p.lines:
			for _, line := range batch {
				p.take(line)
			}
			if !ok {
				p.endCrash()
			}
			p.flush()
			if !ok {
				return <-p.failed
			}
		case <-idle.C:
			p.endCrash()
			p.flush()
		}
		idle.Reset(pipeIdle)
	}
}

func (p *pipe) flush() {
	p.viewer.store(p.records)
	p.records = p.records[:0]
}

// take reads one line.
func (p *pipe) take(raw []byte) {
	line := trimLine(raw)
	if len(p.crash) > 0 {
		if continuesCrash(line) && len(p.crash) < maxCrash {
			p.crash = append(p.crash, line)
			return
		}
		p.endCrash()
	}
	if crashStart.Match(line) {
		p.crash = append(p.crash, line)
		return
	}
	if len(bytes.TrimSpace(line)) == 0 {
		return
	}
	p.add(readAnyLine(line, time.Now()))
}

func (p *pipe) add(r record) {
	instance := instanceOf(&r)
	if instance == "" {
		instance = p.instance
	}
	r.run = p.viewer.runs.number(&r, instance)
	r.noteCuts()
	r.noteMasks()
	p.records = append(p.records, r)
}

// readAnyLine makes a record of a line of whatever form.
func readAnyLine(line []byte, received time.Time) record {
	if line[0] == '{' {
		if r, ok := jsonLine(line, received); ok {
			return r
		}
	}
	text := strings.ToValidUTF8(string(line), "\ufffd")
	if strings.Contains(text, "=") {
		if r, ok := textLine(text, received); ok {
			return r
		}
	}
	r := record{time: received, received: received, level: levelInfo, message: text, labels: labels{protocol: "pipe"}}
	if at, rest, ok := cutDate(text); ok {
		r.time, r.message = at, rest
	}
	r.level = levelOfText(r.message)
	r.classify()
	return r
}

// cutDate takes the date that package log writes from the beginning of a line.
func cutDate(text string) (at time.Time, rest string, ok bool) {
	for _, layout := range []string{"2006/01/02 15:04:05.000000", "2006/01/02 15:04:05"} {
		if len(text) > len(layout) && text[len(layout)] == ' ' {
			if at, err := time.ParseInLocation(layout, text[:len(layout)], time.Local); err == nil {
				return at, text[len(layout)+1:], true
			}
		}
	}
	return at, text, false
}

// levelOfText finds a level among the first words of a line, in capitals, as ERROR, [WARN] or FATAL:.
func levelOfText(text string) level {
	for i := 0; i < 3 && text != ""; i++ {
		var word string
		word, text, _ = strings.Cut(strings.TrimLeft(text, " \t"), " ")
		word, _, _ = strings.Cut(word, "\t")
		word = strings.Trim(word, "[]():|")
		if l, ok := lineLevels[strings.ToLower(word)]; ok && word == strings.ToUpper(word) {
			return l
		}
	}
	return levelInfo
}

var (
	crashStart = regexp.MustCompile(`^(panic: |fatal error: |(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d )?http: panic serving )`)
	stackLine  = regexp.MustCompile(`^(goroutine \d+|created by |\[signal |\[recovered|\t|exit status |[\w./%\-*()\[\]{}$·,]+\(.*\)$|\.\.\.)`)
)

// continuesCrash reports whether a line belongs to the crash before it.
func continuesCrash(line []byte) bool {
	return len(line) == 0 || line[0] != '{' && stackLine.Match(line)
}

// endCrash makes a record of the crash that goes on, if one does.
func (p *pipe) endCrash() {
	if len(p.crash) == 0 {
		return
	}
	text := strings.ToValidUTF8(string(bytes.Join(p.crash, []byte("\n"))), "\ufffd")
	p.crash = nil
	received := time.Now()
	first, stack, _ := strings.Cut(text, "\n")
	r := record{time: received, received: received, level: levelCritical, labels: labels{protocol: "pipe"}, stack: strings.Trim(stack, "\n")}
	if at, rest, ok := cutDate(first); ok {
		r.time, first = at, rest
	}
	r.message, r.errorMessage = first, first
	for _, start := range []string{"panic: ", "fatal error: "} {
		if rest, ok := strings.CutPrefix(first, start); ok {
			r.errorMessage = rest
		}
	}
	if rest, ok := strings.CutPrefix(first, "http: panic serving "); ok {
		r.level = levelError
		_, r.errorMessage, _ = strings.Cut(rest, ": ")
	}
	r.errorType = "panic: " + fixedPart(r.errorMessage)
	r.classify()
	p.add(r)
}
