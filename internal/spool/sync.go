package spool

import (
	"errors"
	"io/fs"
	"os"
)

// fsync waits until a file is on the disk. Tests note what it was called for.
var fsync = (*os.File).Sync

// Sync returns a function that waits until everything appended so far is on the disk,
// as far as the disk tells; nil when it is. Another goroutine may call it, once: a disk
// may take its time. Releases are not waited for: their loss costs a duplicate, no entry.
func (s *Spool) Sync() (wait func() error) {
	var files []*os.File
	var faults []error
	add := func(file *os.File, err error) {
		if errors.Is(err, fs.ErrNotExist) {
			return // somebody has removed it: there is nothing to wait for
		}
		if err != nil {
			faults = append(faults, err)
		} else if file != nil {
			files = append(files, file)
		}
	}
	if s.root == nil {
		return func() error { return s.fault("sync", fs.ErrClosed) }
	}
	for _, segment := range s.segments {
		if segment.dirty {
			add(s.root.OpenFile(segmentName(segment.number), os.O_RDWR, 0))
			segment.dirty = false
		}
	}
	if s.unsynced {
		add(openNames(s.root))
		s.unsynced = false
	}
	if len(files)+len(faults) == 0 {
		return nil
	}
	return func() error {
		for _, file := range files {
			faults = append(faults, fsync(file), file.Close())
		}
		if err := errors.Join(faults...); err != nil {
			return s.fault("sync", err)
		}
		return nil
	}
}

// SyncAgain has the next Sync wait for all that the spool holds: a sync failed.
func (s *Spool) SyncAgain() {
	for _, segment := range s.segments {
		segment.dirty = true
	}
	s.unsynced = true
}

// Close gives the directory up, and syncs. What is handed out and not released
// is there for the next owner. A second close does nothing.
func (s *Spool) Close() error {
	if wait := s.Leave(); wait != nil {
		return wait()
	}
	return nil
}

// Leave gives the directory up, and returns what Sync would.
func (s *Spool) Leave() (wait func() error) {
	if s.root == nil {
		return nil
	}
	wait = s.Sync()
	for _, segment := range s.segments {
		segment.closeFile()
		segment.removed = true // for this spool
	}
	_ = s.lock.Close()
	_ = s.root.Close()
	s.root, s.segments, s.tail = nil, nil, nil
	return wait
}
