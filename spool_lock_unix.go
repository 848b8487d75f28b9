//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package ledger

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// lockSpool locks a file in root until it is closed or the process ends, however
// it ends; errSpoolOwned when somebody has it. The file stays: removing it would
// let two owners lock two files of one name.
func lockSpool(root *os.Root, name string) (io.Closer, error) {
	file, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NONBLOCK, 0o600) // a named pipe must not wait
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != syscall.EINTR {
			break
		}
	}
	if err == nil {
		return file, nil
	}
	_ = file.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errSpoolOwned
	}
	return nil, &os.PathError{Op: "lock", Path: name, Err: err}
}

// syncSpoolNames makes new names in root durable.
func syncSpoolNames(root *os.Root) error {
	directory, err := root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}
