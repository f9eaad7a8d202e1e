package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	watchEvery = 100 * time.Millisecond
	churnEvery = 150 * time.Millisecond
	adminLimit = 5 * time.Second
	namesMax   = 6
)

// setup creates the topics.
func setup(_ context.Context, a *arguments, _ *history) error {
	client, err := kgo.NewClient(a.options()...)
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	for _, t := range a.Topics {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		created, err := admin.CreateTopic(ctx, a.Partitions, 1, t.Configs, t.Name)
		cancel()
		if err = errors.Join(err, created.Err); err != nil {
			return err
		}
	}
	return nil
}

// watch notes where partitions start and end, again and again, the moment before and the answers.
func watch(enough context.Context, a *arguments, h *history) error {
	client, err := kgo.NewClient(a.options()...)
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	for enough.Err() == nil {
		if events, err := listOnce(admin, a); err == nil {
			h.write(events...)
		}
		for _, group := range a.Groups {
			tell(admin, h, group)
		}
		time.Sleep(watchEvery)
	}
	return nil
}

// tell notes what a group has committed, with the time before it was asked.
func tell(admin *kadm.Client, h *history, group string) {
	ctx, cancel := context.WithTimeout(context.Background(), adminLimit)
	defer cancel()
	asked := monotonic()
	answers, err := admin.FetchOffsets(ctx, group)
	if err != nil || answers.Error() != nil {
		return
	}
	answers.Each(func(o kadm.OffsetResponse) {
		h.write(event{E: "told", T: asked, How: group, Topic: o.Topic, P: o.Partition, Off: o.At})
	})
}

// churn creates and deletes topics, and lists them in the end.
func churn(enough context.Context, a *arguments, h *history) error {
	client, err := kgo.NewClient(a.options()...)
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	random := rand.New(rand.NewSource(a.Seed))
	names := []string{}
	for count := 0; enough.Err() == nil; count++ {
		if len(names) < namesMax {
			name := fmt.Sprintf("churn-%d", count)
			names = append(names, name)
			change(h, "create", name, func(ctx context.Context) error {
				created, err := admin.CreateTopic(ctx, 2, 1, nil, name)
				return errors.Join(err, created.Err)
			})
		} else {
			at := random.Intn(len(names))
			name := names[at]
			names = append(names[:at], names[at+1:]...)
			change(h, "delete", name, func(ctx context.Context) error {
				deleted, err := admin.DeleteTopic(ctx, name)
				return errors.Join(err, deleted.Err)
			})
		}
		time.Sleep(churnEvery)
	}
	ctx, cancel := context.WithTimeout(context.Background(), stuckAfter)
	defer cancel()
	topics, err := admin.ListTopics(ctx)
	if err = errors.Join(err, topics.Error()); err != nil {
		return err
	}
	for _, name := range topics.Names() {
		h.write(event{E: "topic", T: monotonic(), Topic: name})
	}
	h.write(event{E: "done", T: monotonic()})
	return nil
}

func change(h *history, what, name string, ask func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), adminLimit)
	defer cancel()
	h.write(event{E: what, T: monotonic(), Topic: name})
	err := ask(ctx)
	told := event{E: what + "d", T: monotonic(), Topic: name, How: "ok"}
	// An answer that says that it is so already comes to a request that was repeated.
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) && !errors.Is(err, kerr.UnknownTopicOrPartition) {
		told.How, told.Why = "unknown", err.Error()
	}
	h.write(told)
}
