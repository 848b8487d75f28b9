//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package spool

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// OpenNoWait keeps the opening of a named pipe from waiting for its other end.
const OpenNoWait = syscall.O_NONBLOCK

// lockDirectory locks a file in root, and root itself, until they are closed or the
// process ends, however it ends; ErrOwned when somebody has them. The file
// stays: removing it would let two owners lock two files of one name. Where
// somebody else has removed it there is still the directory's lock, which not all
// systems give.
func lockDirectory(root *os.Root, name string) (io.Closer, error) {
	file, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE|OpenNoWait, 0o600)
	if err != nil {
		return nil, err
	}
	lock := &dirLock{file: file}
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

type dirLock struct{ file, directory *os.File }

func (l *dirLock) failed(name string, err error) error {
	_ = l.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrOwned
	}
	return &os.PathError{Op: "lock", Path: name, Err: err}
}

func (l *dirLock) Close() error {
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

// openNames opens what is to be synced for new names in root to be durable.
func openNames(root *os.Root) (*os.File, error) { return root.Open(".") }
