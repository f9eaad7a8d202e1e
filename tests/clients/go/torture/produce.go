package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// flushLimit is what a producer gives the last of its records, after the broker is well.
	flushLimit = 40 * time.Second
	// noteEvery is how long outcomes that follow each other are held for one line.
	noteEvery          = 20 * time.Millisecond
	transactionTimeout = 10 * time.Second
)

type place struct {
	topic     uint8
	partition int32
}

type producer struct {
	*arguments
	history *history
	random  *rand.Rand
	client  *kgo.Client
	next    map[place]int64
	// txn is the number of the transaction under way; 0 is none.
	txn uint32

	lock sync.Mutex
	// outcomes of records that follow each other, one for each partition, not written yet.
	outcomes map[place]event
}

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

// produce sends until it is enough, and says what became of each record.
func produce(enough context.Context, a *arguments, h *history) error {
	p := &producer{
		arguments: a,
		history:   h,
		random:    rand.New(rand.NewSource(a.Seed)),
		next:      map[place]int64{},
		outcomes:  map[place]event{},
	}
	h.write(event{E: "producer", T: monotonic(), Producer: int32(a.Producer), How: a.Kind, Why: "franz-go"})
	if err := p.connect(); err != nil {
		return err
	}
	go func() {
		for range time.Tick(noteEvery) {
			p.writeOutcomes()
		}
	}()
	if a.Kind == "transactional" {
		return p.transactions(enough)
	}
	for enough.Err() == nil {
		p.burst()
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushLimit)
	defer cancel()
	err := p.client.Flush(ctx)
	p.client.Close()
	p.writeOutcomes()
	return err
}

func (p *producer) connect() error {
	options := p.options(
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codecs[p.Codec]),
		kgo.ProducerLinger(2*time.Millisecond),
		kgo.MaxBufferedRecords(5_000),
		kgo.ProduceRequestTimeout(5*time.Second),
	)
	switch p.Kind {
	case "plain":
		options = append(options, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1))
	case "transactional":
		options = append(options,
			kgo.TransactionalID(fmt.Sprintf("torture-%d", p.Producer)), kgo.TransactionTimeout(transactionTimeout))
	}
	var err error
	p.client, err = kgo.NewClient(options...)
	return err
}

// burst sends some records that follow each other to one partition, and rests for as long as the rate asks.
func (p *producer) burst() {
	begun := time.Now()
	count := int64(1 + p.random.Intn(p.Rate/10))
	at := place{topic: uint8(p.random.Intn(len(p.Topics))), partition: int32(p.random.Intn(int(p.Partitions)))}
	name, first := p.Topics[at.topic].Name, p.next[at]
	p.next[at] = first + count
	p.history.write(event{E: "send", T: monotonic(), Topic: name, P: at.partition, Seq: first, N: count, Txn: p.txn})
	for seq := first; seq < first+count; seq++ {
		i := identity{
			run: p.Run, producer: p.Producer, topic: at.topic, partition: uint8(at.partition), seq: uint64(seq), txn: p.txn,
		}
		p.client.Produce(context.Background(), newRecord(p.random, name, i), func(r *kgo.Record, err error) {
			p.note(at, i, r.Offset, err)
		})
	}
	time.Sleep(time.Duration(count)*time.Second/time.Duration(p.Rate) - time.Since(begun))
}

// note takes down what became of a record, with those before it if it follows them.
func (p *producer) note(at place, i identity, offset int64, err error) {
	name := p.Topics[at.topic].Name
	now := event{E: outcome(err), T: monotonic(), Topic: name, P: at.partition, Seq: int64(i.seq), N: 1, Txn: i.txn}
	if err == nil {
		now.Off = offset
	} else {
		now.Why = err.Error()
	}
	p.lock.Lock()
	defer p.lock.Unlock()
	held, isHeld := p.outcomes[at]
	follows := held.E == now.E && held.Txn == now.Txn && held.Seq+held.N == now.Seq &&
		(err != nil || held.Off+held.N == offset)
	if isHeld && follows {
		held.N++
		held.T = now.T
		p.outcomes[at] = held
		return
	}
	if isHeld {
		p.history.write(held)
	}
	p.outcomes[at] = now
}

// outcome is `fail` only where the broker refused the record before it was written; all else may have happened.
func outcome(err error) string {
	refusals := []error{kerr.MessageTooLarge, kerr.InvalidRecord, kerr.UnsupportedForMessageFormat, kerr.PolicyViolation}
	if err == nil {
		return "ok"
	}
	for _, refusal := range refusals {
		if errors.Is(err, refusal) {
			return "fail"
		}
	}
	return "unknown"
}

func (p *producer) writeOutcomes() {
	p.lock.Lock()
	defer p.lock.Unlock()
	events := []event{}
	for _, held := range p.outcomes {
		events = append(events, held)
	}
	clear(p.outcomes)
	p.history.write(events...)
}
