package main

import (
	"errors"
	"syscall"
)

// isTaken reports whether listening failed because the port is in use; Windows says WSAEADDRINUSE.
func isTaken(err error) bool {
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.Errno(10048))
}
