package httpclient

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// dialer returns what makes connections, each within timeout.
func dialer(timeout time.Duration) func(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: timeout, KeepAlive: 30 * time.Second}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return largeWrites{c}, nil
	}
}

// largeWrites is a connection that a body larger than writeBuffer goes into in pieces of
// copyBuffer. net's own are of 32 KiB, and each wakes the receiver. Under TLS, whose
// records have 16 KiB, nothing is copied in this way.
type largeWrites struct{ net.Conn }

// copyBuffer is half of a usual batch of 1000 entries that is not compressed.
const copyBuffer = 256 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copyBuffer]byte) }}

// ReadFrom implements [io.ReaderFrom].
func (c largeWrites) ReadFrom(r io.Reader) (int64, error) {
	buf := copyBuffers.Get().(*[copyBuffer]byte)
	defer copyBuffers.Put(buf)
	return io.CopyBuffer(struct{ io.Writer }{c.Conn}, r, buf[:]) // not by the connection's own ReadFrom
}
