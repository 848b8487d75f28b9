package spool

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Open takes ownership of dir, which is created (mode 0700; its parent must
// exist), and of what earlier owners left there, all of it: where that is more than
// maxBytes, the oldest goes when something is appended, and is counted then. Garbage is
// skipped and counted, as are files that no spool made; nothing that the directory
// holds is an error. label is what the records from now on have in common. One owner
// at a time: ErrOwned for all others.
func Open(dir string, maxBytes int64, label string) (*Spool, error) {
	s := &Spool{dir: dir, maxBytes: maxBytes, label: label, head: newSegment(label)}
	// A spool of fewer segments than a handful would lose most when one goes.
	s.segmentBytes = min(max(maxBytes/16, leastSegment), mostSegment, maxBytes/2)
	err := os.Mkdir(dir, 0o700)
	if err == nil || errors.Is(err, fs.ErrExist) {
		s.root, err = os.OpenRoot(dir)
	}
	if err != nil {
		return nil, s.fault("open", err)
	}
	if s.lock, err = lockDirectory(s.root, lockName); err != nil {
		_ = s.root.Close()
		return nil, s.fault("open", err)
	}
	if s.info, err = s.root.Stat("."); err == nil {
		err = s.inherit()
	}
	if err != nil {
		_ = s.Close()
		return nil, s.fault("open", err)
	}
	return s, nil
}

// inherit finds the segments, counts their records, and removes those without.
func (s *Spool) inherit() error {
	names, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return err
	}
	var found []*diskSegment // in the order of their names, which is that of numbers
	for _, file := range names {
		name := file.Name()
		number, ours := segmentNumber(name)
		info, err := file.Info()
		switch {
		case err != nil || name == lockName || strings.HasPrefix(name, "crash"):
			// The runtime's crash output may lie here; it is not ours to judge.
		case !ours && (file.IsDir() || strings.HasPrefix(name, ".")):
			// As in any volume: lost+found, .gitkeep.
		case !ours || !file.Type().IsRegular():
			s.garbled.Add(1)
		default:
			found = append(found, &diskSegment{number: number, size: info.Size()})
			s.total.Add(info.Size())
		}
		if ours {
			s.number = max(s.number, number) // even of what is no segment: the name is taken
		}
	}
	s.segments = slices.Clone(found)
	var buffer []byte
	for i, segment := range found {
		clean := s.inheritSegment(segment, &buffer)
		s.unuse(segment)
		// Appending to the last segment keeps a process that starts often, while
		// the server is away, from leaving a file each time.
		if i == len(found)-1 && clean && segment.size < s.segmentBytes && segment.label == s.label {
			s.tail = segment
		}
	}
	return nil
}

// inheritSegment counts a segment's records, and reports whether it is whole and
// may be written on. It removes a segment without a record to send; what it cannot
// read it sets aside.
func (s *Spool) inheritSegment(segment *diskSegment, buffer *[]byte) (clean bool) {
	file, err := s.use(segment)
	if err != nil {
		s.setAside(segment)
		return false
	}
	head := make([]byte, headerSize)
	n, _ := file.ReadAt(head, 0)
	found := headerVersion(head[:n])
	if found > version {
		s.setAside(segment)
		return false
	}
	content, err := s.content(segment, *buffer)
	if err != nil {
		s.setAside(segment)
		return false
	}
	*buffer, segment.label = content, labelOf(content)
	skipped := scan(content, func(_, _ int, released bool) {
		if !released {
			segment.waiting++
		}
	})
	if segment.size > int64(len(content)) {
		skipped++ // what is behind the largest size of a segment
	}
	s.garbled.Add(int64(skipped))
	s.waiting.Add(int64(segment.waiting))
	if segment.waiting == 0 {
		_ = s.remove(segment)
	}
	return skipped == 0 && segment.waiting > 0 && found == version
}
