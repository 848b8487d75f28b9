package collector

import (
	"bytes"
	"net"
	"testing"
)

// TestClickHouse runs the gateway as far as it goes without ClickHouse: it starts,
// takes entries, keeps them on disk, and greets what listens in ClickHouse's place
// as the user that the variables name.
func TestClickHouse(t *testing.T) {
	const records = 100
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	greetings := make(chan []byte, 100)
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			greeting := make([]byte, 1024)
			n, _ := c.Read(greeting)
			c.Close()
			select {
			case greetings <- greeting[:n]:
			default: // nobody asks for so many
			}
		}
	}()
	gateway := newGateway(t, "clickhouse", "CLICKHOUSE_ENDPOINT=tcp://"+listener.Addr().String(),
		"CLICKHOUSE_USER=writer", "CLICKHOUSE_PASSWORD=of-a-test")
	gateway.set("exporters::clickhouse::sending_queue::batch::flush_timeout: 100ms")
	gateway.start() // without the schema
	h := newHandler(t, gateway.url, "service")
	log(h, "service", records)
	flush(t, h)
	for range 2 { // one is of the start, which looks at the table's columns
		greeting := <-greetings
		for _, part := range []string{"writer", "of-a-test"} {
			if !bytes.Contains(greeting, []byte(part)) {
				t.Errorf("the greeting does not have %q: %q", part, greeting)
			}
		}
	}
	gateway.kill()
	gateway.start()
	waitFor(t, "the queue to come back from the disk", func() bool { return gateway.metric("otelcol_exporter_queue_size") > 0 })
}
