// A group member by franz-go; see ../../README.md.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	heartbeat = 500 * time.Millisecond
	pollTime  = 100 * time.Millisecond
	batchMax  = 100
)

type member struct {
	consumer *kgo.Client
	owned    map[int32]bool
}

func main() {
	m, err := newMember(os.Args[1:])
	if err == nil {
		err = m.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func newMember(args []string) (*member, error) {
	m := &member{owned: map[int32]bool{}}
	ctx := context.Background()
	options := []kgo.Opt{
		kgo.SeedBrokers(args[0]),
		kgo.ConsumerGroup(args[1]),
		kgo.ConsumeTopics(args[2]),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.HeartbeatInterval(heartbeat),
		kgo.OnPartitionsAssigned(m.assigned),
		kgo.OnPartitionsRevoked(m.removed),
		kgo.OnPartitionsLost(m.removed),
	}
	switch args[3] {
	case "eager":
		options = append(options, kgo.Balancers(kgo.RangeBalancer()))
	case "cooperative":
		options = append(options, kgo.Balancers(kgo.CooperativeStickyBalancer()))
	case "consumer":
		// The library's own word for those who want KIP-848.
		ctx = context.WithValue(ctx, "opt_in_kafka_next_gen_balancer_beta", true)
	default:
		return nil, fmt.Errorf("unknown protocol %s", args[3])
	}
	session, err := strconv.Atoi(args[4])
	if err != nil {
		return nil, err
	}
	options = append(options, kgo.SessionTimeout(time.Duration(session)*time.Millisecond), kgo.WithContext(ctx))
	if len(args) > 5 {
		options = append(options, kgo.InstanceID(args[5]))
	}
	m.consumer, err = kgo.NewClient(options...)
	return m, err
}

// run reads until standard input ends. Everything that a poll returned is committed before a rebalance may go on.
func (m *member) run() error {
	ended, end := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		end()
	}()
	for ended.Err() == nil {
		if err := m.read(); err != nil {
			return err
		}
	}
	m.consumer.CloseAllowingRebalance()
	return nil
}

func (m *member) read() error {
	defer m.consumer.AllowRebalance()
	ctx, cancel := context.WithTimeout(context.Background(), pollTime)
	defer cancel()
	fetches := m.consumer.PollRecords(ctx, batchMax)
	for _, failed := range fetches.Errors() {
		if failed.Err != context.DeadlineExceeded {
			return failed.Err
		}
	}
	records := fetches.Records()
	if len(records) == 0 {
		return nil
	}
	read := make([]any, len(records))
	for i, r := range records {
		read[i] = []any{r.Partition, r.Offset, string(r.Value)}
	}
	say("read", read)
	return m.consumer.CommitRecords(context.Background(), records...)
}

func (m *member) assigned(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
	for _, partitions := range topics {
		for _, partition := range partitions {
			m.owned[partition] = true
		}
	}
	m.sayOwned()
}

func (m *member) removed(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
	for _, partitions := range topics {
		for _, partition := range partitions {
			delete(m.owned, partition)
		}
	}
	m.sayOwned()
}

func (m *member) sayOwned() {
	owned := []int32{}
	for partition := range m.owned {
		owned = append(owned, partition)
	}
	slices.Sort(owned)
	say("owns", owned)
}

func say(what string, value any) {
	if err := json.NewEncoder(os.Stdout).Encode(map[string]any{what: value}); err != nil {
		panic(err)
	}
}
