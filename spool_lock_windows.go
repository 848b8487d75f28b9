package ledger

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// openNoWait does nothing: there are no named pipes in directories here, or no
// way to open one without waiting.
const openNoWait = 0

// lockSpool opens a file in root as nobody else may while it is open, which it is
// until it is closed or the process ends; errSpoolOwned when somebody has it.
func lockSpool(root *os.Root, name string) (io.Closer, error) {
	path, err := syscall.UTF16PtrFromString(filepath.Join(root.Name(), name))
	if err != nil {
		return nil, err
	}
	const sharingViolation = syscall.Errno(32)
	handle, err := syscall.CreateFile(path, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil,
		syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if err == sharingViolation {
		return nil, errSpoolOwned
	}
	if err != nil {
		return nil, &os.PathError{Op: "lock", Path: name, Err: err}
	}
	return os.NewFile(uintptr(handle), name), nil
}

// syncSpoolNames does nothing: NTFS journals names, and syncs no directories.
func syncSpoolNames(*os.Root) error { return nil }
