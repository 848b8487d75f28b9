package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
)

// What Look finds instead of a spool.
var (
	// ErrNoSpool means that the directory holds neither segments nor a spool's lock.
	ErrNoSpool = errors.New("no spool is here")
	// ErrLaterVersion means that a segment was written by a later version of this module.
	ErrLaterVersion = errors.New("written by a later version")
)

// Look calls visit with the records of a directory that wait, oldest first, and
// changes nothing: it takes no lock, and removes and marks nothing, so that the owner
// of the spool may go on meanwhile. A record that the owner releases or writes in that
// time is shown or not. A record's data is valid during the call only. Look returns how
// many runs of garbage it skipped, and, after all that it can read, why it cannot read
// the rest.
func Look(dir string, visit func(Record)) (skipped int, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, fmt.Errorf("ledger: look at spool %s: %w", dir, err)
	}
	defer root.Close()
	files, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return 0, fmt.Errorf("ledger: look at spool %s: %w", dir, err)
	}
	isSpool := slices.ContainsFunc(files, func(f fs.DirEntry) bool { return f.Name() == lockName })
	var faults []error
	for _, file := range files { // in the order of their names, which is that of numbers
		if _, ours := segmentNumber(file.Name()); !ours || !file.Type().IsRegular() {
			continue
		}
		isSpool = true
		n, err := lookAt(root, file.Name(), visit)
		skipped += n
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // its owner has removed it
			faults = append(faults, fmt.Errorf("ledger: look at spool %s: %s: %w", dir, file.Name(), err))
		}
	}
	if !isSpool {
		return 0, fmt.Errorf("ledger: look at spool %s: %w", dir, ErrNoSpool)
	}
	return skipped, errors.Join(faults...)
}

func lookAt(root *os.Root, name string, visit func(Record)) (skipped int, err error) {
	file, err := root.OpenFile(name, os.O_RDONLY|OpenNoWait, 0)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, mostSegment))
	if err != nil {
		return 0, err
	}
	if headerVersion(content) > version {
		return 0, ErrLaterVersion
	}
	label := labelOf(content)
	return scan(content, func(at, size int, released bool) {
		if r, _, _, ok := parseRecord(content[at : at+size]); ok && !released {
			r.Label = label
			visit(r)
		}
	}), nil
}
