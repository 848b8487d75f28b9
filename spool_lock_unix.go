//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package ledger

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// openNoWait keeps the opening of a named pipe from waiting for its other end.
const openNoWait = syscall.O_NONBLOCK

// lockSpool locks a file in root, and root itself, until they are closed or the
// process ends, however it ends; errSpoolOwned when somebody has them. The file
// stays: removing it would let two owners lock two files of one name. Where
// somebody else has removed it there is still the directory's lock, which not all
// systems give.
func lockSpool(root *os.Root, name string) (io.Closer, error) {
	file, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE|openNoWait, 0o600)
	if err != nil {
		return nil, err
	}
	lock := &spoolLock{file: file}
	if err := flock(file); err != nil {
		return nil, lock.failed(name, err)
	}
	if lock.directory, err = root.Open("."); err != nil {
		return nil, lock.failed(".", err)
	}
	if err := flock(lock.directory); errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, lock.failed(".", err)
	}
	return lock, nil
}

type spoolLock struct{ file, directory *os.File }

func (l *spoolLock) failed(name string, err error) error {
	_ = l.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errSpoolOwned
	}
	return &os.PathError{Op: "lock", Path: name, Err: err}
}

func (l *spoolLock) Close() error {
	err := l.file.Close()
	if l.directory != nil {
		err = errors.Join(err, l.directory.Close())
	}
	return err
}

func flock(file *os.File) error {
	for {
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != syscall.EINTR {
			return err
		}
	}
}

// syncSpoolNames makes new names in root durable.
func syncSpoolNames(root *os.Root) error {
	directory, err := root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}
