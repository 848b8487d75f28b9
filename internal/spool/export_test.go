package spool

import "os"

// OnSync has f called with each file that is to be synced, before it is, and returns
// what undoes that.
func OnSync(f func(*os.File)) (undo func()) {
	was := fsync
	fsync = func(file *os.File) error {
		f(file)
		return was(file)
	}
	return func() { fsync = was }
}

// sync is Sync and the wait.
func (s *Spool) sync() error {
	wait := s.Sync()
	if wait == nil {
		return nil
	}
	err := wait()
	if err != nil {
		s.SyncAgain()
	}
	return err
}
