package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// member reads as part of a group, commits what it has read by hand, and notes each commit before and after. What the group has
// committed it asks for whenever it begins with a partition, and in the end.
func member(enough context.Context, a *arguments, h *history) error {
	ctx := context.Background()
	if a.Protocol == "consumer" {
		// The library's own word for those who want KIP-848.
		ctx = context.WithValue(ctx, "opt_in_kafka_next_gen_balancer_beta", true)
	}
	client, err := kgo.NewClient(a.options(
		kgo.WithContext(ctx),
		kgo.ConsumerGroup(a.Group),
		kgo.ConsumeTopics(a.names()...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.KeepControlRecords(),
		kgo.BlockRebalanceOnPoll(),
		kgo.HeartbeatInterval(500*time.Millisecond),
		kgo.SessionTimeout(10*time.Second),
	)...)
	if err != nil {
		return err
	}
	r := &reader{arguments: a, history: h, position: map[string]map[int32]int64{}}
	for _, name := range a.names() {
		r.position[name] = map[int32]int64{}
	}
	r.client = client
	for enough.Err() == nil {
		r.poll()
		commit(client, h)
		client.AllowRebalance()
	}
	client.CloseAllowingRebalance()
	return committed(a, h)
}

func commit(client *kgo.Client, h *history) {
	offsets := client.UncommittedOffsets()
	if len(offsets) == 0 {
		return
	}
	asked := []event{}
	for name, partitions := range offsets {
		for p, offset := range partitions {
			asked = append(asked, event{E: "commit", T: monotonic(), Topic: name, P: p, Off: offset.Offset})
		}
	}
	h.write(asked...)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	how, why := "ok", ""
	if err := client.CommitUncommittedOffsets(ctx); err != nil {
		how, why = "unknown", err.Error()
	}
	for i := range asked {
		asked[i].E, asked[i].T, asked[i].How, asked[i].Why = "committed", monotonic(), how, why
	}
	h.write(asked...)
}

// committed asks a broker that is well what the group has committed.
func committed(a *arguments, h *history) error {
	client, err := kgo.NewClient(a.options()...)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), stuckAfter)
	defer cancel()
	answers, err := kadm.NewClient(client).FetchOffsets(ctx, a.Group)
	if err != nil {
		return fmt.Errorf("the offsets of %s: %w", a.Group, err)
	}
	answers.Each(func(o kadm.OffsetResponse) {
		h.write(event{E: "group", T: monotonic(), Topic: o.Topic, P: o.Partition, Off: o.At})
	})
	h.write(event{E: "done", T: monotonic()})
	return nil
}
