package httplog_test

import (
	"syscall"
	"time"
	"unsafe"
)

// threadTime is the processor time that this thread has used. What other
// programs do on a busy machine is not in it.
func threadTime() time.Duration {
	const clockThreadCPUTimeID = 3
	var t syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockThreadCPUTimeID, uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
		panic(errno)
	}
	return time.Duration(t.Nano())
}
