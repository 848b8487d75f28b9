package spool

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// OpenNoWait does nothing: there are no named pipes in directories here, or no
// way to open one without waiting.
const OpenNoWait = 0

// lockDirectory opens a file in root as nobody else may while it is open, which it is
// until it is closed or the process ends; ErrOwned when somebody has it.
func lockDirectory(root *os.Root, name string) (io.Closer, error) {
	path, err := syscall.UTF16PtrFromString(filepath.Join(root.Name(), name))
	if err != nil {
		return nil, err
	}
	const sharingViolation = syscall.Errno(32)
	handle, err := syscall.CreateFile(path, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil,
		syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if err == sharingViolation {
		return nil, ErrOwned
	}
	if err != nil {
		return nil, &os.PathError{Op: "lock", Path: name, Err: err}
	}
	return os.NewFile(uintptr(handle), name), nil
}

// openNames opens nothing: NTFS journals names, and syncs no directories.
func openNames(*os.Root) (*os.File, error) { return nil, nil }
