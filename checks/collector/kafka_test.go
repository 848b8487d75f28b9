package collector

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestKafka: each message of the topic is an OTLP request below Kafka's limit,
// and all of one process are in one partition.
func TestKafka(t *testing.T) {
	const services, records, topic = 3, 4_000, "ledger-logs"
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, topic))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	gateway := newGateway(t, "kafka", "KAFKA_BROKER="+cluster.ListenAddrs()[0], "KAFKA_TOPIC="+topic)
	gateway.start()
	for i := range services {
		name := fmt.Sprintf("service-%d", i)
		h := newHandler(t, gateway.url, name)
		log(h, name, records)
		flush(t, h)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics(topic))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var all stored
	partitions := make(map[string]int32)
	for n := 0; n < services*records; n, _ = all.distinct() {
		fetches := client.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			var one stored
			one.add(t, r.Value)
			all.add(t, r.Value)
			for service := range one.services {
				if p, ok := partitions[service]; ok && p != r.Partition {
					t.Errorf("%s is in partitions %d and %d", service, p, r.Partition)
				}
				partitions[service] = r.Partition
			}
		})
	}
	if all.largest > 900_000 || all.requests < services {
		t.Errorf("%d messages, the largest of %d bytes", all.requests, all.largest)
	}
}
