package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	pollLimit = 200 * time.Millisecond
	// stuckAfter is how long a reader waits for what it knows to be there.
	stuckAfter = 30 * time.Second
)

type reader struct {
	*arguments
	history *history
	client  *kgo.Client
	// position is behind the last record of each partition.
	position map[string]map[int32]int64
}

// read reads all partitions from their starts, markers included, and ends where they end when it is enough.
func read(enough context.Context, a *arguments, h *history) error {
	r := &reader{arguments: a, history: h, position: map[string]map[int32]int64{}}
	starts := map[string]map[int32]kgo.Offset{}
	for _, name := range a.names() {
		r.position[name] = map[int32]int64{}
		starts[name] = map[int32]kgo.Offset{}
		for p := range a.Partitions {
			starts[name][p] = kgo.NewOffset().AtStart()
		}
	}
	isolation := kgo.ReadUncommitted()
	if a.Committed {
		isolation = kgo.ReadCommitted()
	}
	var err error
	r.client, err = kgo.NewClient(a.options(
		kgo.ConsumePartitions(starts),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(isolation),
		kgo.KeepControlRecords(),
		kgo.FetchMaxWait(200*time.Millisecond),
	)...)
	if err != nil {
		return err
	}
	defer r.client.Close()
	for !a.Whole && enough.Err() == nil {
		r.poll()
	}
	return r.toEnd()
}

// toEnd reads up to what is the end now.
func (r *reader) toEnd() error {
	ends, err := listed(r.client, r.arguments)
	if err != nil {
		return err
	}
	r.history.write(ends...)
	left := func() int {
		count := 0
		for _, e := range ends {
			end := e.End
			if r.Committed {
				end = e.Last
			}
			if r.position[e.Topic][e.P] < end && e.Start < end {
				count++
			}
		}
		return count
	}
	moved := time.Now()
	for left() > 0 {
		if r.poll() > 0 {
			moved = time.Now()
		}
		if time.Since(moved) > stuckAfter {
			for _, e := range ends {
				e.E, e.Off = "stuck", r.position[e.Topic][e.P]
				r.history.write(e)
			}
			return nil
		}
	}
	r.history.write(event{E: "done", T: monotonic()})
	return nil
}

func (r *reader) poll() int {
	ctx, cancel := context.WithTimeout(context.Background(), pollLimit)
	defer cancel()
	fetches := r.client.PollRecords(ctx, 50_000)
	events := []event{}
	count := 0
	fetches.EachPartition(func(partition kgo.FetchTopicPartition) {
		var run event
		for _, record := range partition.Records {
			count++
			now := r.seen(record)
			follows := now.E == "read" && run.E == "read" && run.Off+run.N == now.Off && run.Producer == now.Producer &&
				run.Txn == now.Txn && (now.Producer < 0 || run.Seq+run.N == now.Seq)
			if follows {
				run.N++
				continue
			}
			if run.E != "" {
				events = append(events, run)
			}
			run = now
		}
		if run.E != "" {
			events = append(events, run)
			last := partition.Records[len(partition.Records)-1]
			r.position[partition.Topic][partition.Partition] = last.Offset + 1
		}
	})
	r.history.write(events...)
	return count
}

// seen is the line of a record, alone.
func (r *reader) seen(record *kgo.Record) event {
	e := event{E: "read", T: monotonic(), Topic: record.Topic, P: record.Partition, Off: record.Offset, N: 1, Producer: -1}
	if record.Attrs.IsControl() {
		return e
	}
	i, err := identify(record)
	switch {
	case err != nil:
		e.E, e.Why = "bad", err.Error()
	case i.run != r.Run || r.Topics[i.topic].Name != record.Topic || int32(i.partition) != record.Partition:
		e.E, e.Why = "bad", fmt.Sprintf("a record of somewhere else: %+v", i)
	}
	e.Producer, e.Seq, e.Txn = int32(i.producer), int64(i.seq), i.txn
	return e
}

// listed gives the start, the last stable offset and the end of each partition.
func listed(client *kgo.Client, a *arguments) ([]event, error) {
	admin := kadm.NewClient(client)
	deadline := time.Now().Add(stuckAfter)
	for {
		events, err := listOnce(admin, a)
		if err == nil || time.Now().After(deadline) {
			return events, err
		}
		time.Sleep(pollLimit)
	}
}

func listOnce(admin *kadm.Client, a *arguments) ([]event, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	names := a.names()
	asked := []func(context.Context, ...string) (kadm.ListedOffsets, error){
		admin.ListStartOffsets, admin.ListCommittedOffsets, admin.ListEndOffsets,
	}
	answers := []kadm.ListedOffsets{}
	for _, ask := range asked {
		answer, err := ask(ctx, names...)
		if err == nil {
			err = answer.Error()
		}
		if err != nil {
			return nil, err
		}
		answers = append(answers, answer)
	}
	events := []event{}
	for _, name := range names {
		for p := range a.Partitions {
			offset := func(which int) int64 {
				found, _ := answers[which].Lookup(name, p)
				return found.Offset
			}
			events = append(events, event{
				E: "offsets", T: monotonic(), Topic: name, P: p, Start: offset(0), Last: offset(1), End: offset(2),
			})
		}
	}
	return events, nil
}
