// Copies records in transactions, by franz-go's transact session; see ../../README.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	heartbeat          = 500 * time.Millisecond
	pollTime           = 100 * time.Millisecond
	transactionRecords = 20
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	bootstrap, group, source, target, name := args[0], args[1], args[2], args[3], args[4]
	sessionMs, err := strconv.Atoi(args[5])
	if err != nil {
		return err
	}
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(bootstrap),
		kgo.ConsumerGroup(group),
		kgo.InstanceID(name),
		kgo.ConsumeTopics(source),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.RequireStableFetchOffsets(),
		kgo.SessionTimeout(time.Duration(sessionMs)*time.Millisecond),
		kgo.HeartbeatInterval(heartbeat),
		kgo.TransactionalID(group+"-"+name),
		kgo.TransactionTimeout(30*time.Second),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
	)
	if err != nil {
		return err
	}
	ended, end := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		end()
	}()
	for ended.Err() == nil {
		if err := copySome(session, target); err != nil {
			return err
		}
	}
	session.Close()
	return nil
}

// copySome copies what one poll returns, in one transaction. One that cannot be committed is aborted, and the session goes back
// to what is committed by itself.
func copySome(session *kgo.GroupTransactSession, target string) error {
	ctx, cancel := context.WithTimeout(context.Background(), pollTime)
	fetches := session.PollRecords(ctx, transactionRecords)
	cancel()
	for _, failed := range fetches.Errors() {
		if !errors.Is(failed.Err, context.DeadlineExceeded) {
			fmt.Fprintln(os.Stderr, failed.Err)
		}
	}
	records := fetches.Records()
	if len(records) == 0 {
		return nil
	}
	if err := session.Begin(); err != nil {
		return err
	}
	promise := kgo.AbortingFirstErrPromise(session.Client())
	for _, r := range records {
		copied := &kgo.Record{Topic: target, Partition: r.Partition, Key: r.Key, Value: r.Value}
		session.Produce(context.Background(), copied, promise.Promise())
	}
	failure := promise.Err()
	committed, err := session.End(context.Background(), failure == nil)
	if err != nil {
		return err
	}
	if committed {
		return say("copied", len(records))
	}
	return say("aborted", fmt.Sprint(failure))
}

func say(what string, value any) error {
	return json.NewEncoder(os.Stdout).Encode(map[string]any{what: value})
}
