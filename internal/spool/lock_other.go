//go:build !(windows || darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Where there is no flock, the lock file exists while it is owned, and names the
// owner's process: a file whose process is gone, or is this one while it knows
// nothing of it, was left by a crash.
var (
	locksMu sync.Mutex // guards locks, and this process's files
	locks   []*pidLock
)

type pidLock struct {
	root *os.Root
	name string
	file fs.FileInfo
}

// OpenNoWait does nothing: there are no named pipes in directories here, or no
// way to open one without waiting.
const OpenNoWait = 0

// lockDirectory locks root for this process; ErrOwned when somebody has it.
func lockDirectory(root *os.Root, name string) (io.Closer, error) {
	locksMu.Lock()
	defer locksMu.Unlock()
	for range 2 {
		file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			_, err = fmt.Fprintln(file, os.Getpid())
			info, statErr := file.Stat()
			if err = errors.Join(err, statErr, file.Close()); err != nil {
				_ = root.Remove(name)
				return nil, err
			}
			lock := &pidLock{root, name, info}
			locks = append(locks, lock)
			return lock, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if lockAlive(root, name) {
			return nil, ErrOwned
		}
		if err := root.Remove(name); err != nil {
			return nil, err
		}
	}
	return nil, ErrOwned
}

func lockAlive(root *os.Root, name string) bool {
	info, err := root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > 32 {
		return err == nil
	}
	content, err := root.ReadFile(name)
	if err != nil {
		return true
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil || pid <= 0 {
		return false // torn when it was written
	}
	if pid == os.Getpid() {
		return slices.ContainsFunc(locks, func(lock *pidLock) bool { return os.SameFile(lock.file, info) })
	}
	_, err = os.Stat("/proc/" + strconv.Itoa(pid)) // on all of these that have processes
	return err == nil
}

// Close gives the lock up; it must come before the root's.
func (l *pidLock) Close() error {
	locksMu.Lock()
	defer locksMu.Unlock()
	i := slices.Index(locks, l)
	if i < 0 {
		return nil
	}
	locks = slices.Delete(locks, i, i+1)
	return l.root.Remove(l.name)
}

// openNames opens nothing: directories cannot be synced here, or need not be.
func openNames(*os.Root) (*os.File, error) { return nil, nil }
