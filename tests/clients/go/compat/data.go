package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func (c *client) describeConfigs(ctx context.Context, topic string) (any, error) {
	described, err := c.admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return nil, err
	}
	resource, err := described.On(topic, nil)
	if err = errors.Join(err, resource.Err); err != nil {
		return nil, err
	}
	configs := map[string]*string{}
	for _, config := range resource.Configs {
		configs[config.Key] = config.Value
	}
	return configs, nil
}

func (c *client) alterConfigs(ctx context.Context, topic string, set map[string]string) error {
	var changes []kadm.AlterConfig
	for name, value := range set {
		changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: &value})
	}
	answers, err := c.admin.AlterTopicConfigs(ctx, changes, topic)
	if err != nil {
		return err
	}
	answer, err := answers.On(topic, nil)
	return errors.Join(err, answer.Err)
}

func (c *client) produce(ctx context.Context, asked *request) (any, error) {
	producer, err := c.producer(asked)
	if err != nil {
		return nil, err
	}
	records := make([]*kgo.Record, len(asked.Records))
	for i, r := range asked.Records {
		records[i] = &kgo.Record{
			Topic:     asked.Topic,
			Partition: asked.Partition,
			Key:       r.Key,
			Value:     r.Value,
			Timestamp: time.UnixMilli(r.Timestamp),
		}
		for _, h := range r.Headers {
			records[i].Headers = append(records[i].Headers, kgo.RecordHeader{Key: h.name, Value: h.value})
		}
	}
	if err := producer.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return nil, err
	}
	offsets := make([]int64, len(records))
	for i, r := range records {
		offsets[i] = r.Offset
	}
	return offsets, nil
}

// producer returns the one producer of a codec and batch size. franz-go's are idempotent unless told otherwise.
func (c *client) producer(asked *request) (*kgo.Client, error) {
	var batchBytes int32 = 1_000_000
	for _, r := range asked.Records {
		batchBytes = max(batchBytes, int32(len(r.Value))+1000)
	}
	id := fmt.Sprintf("%s of %d", asked.Codec, batchBytes)
	if producer := c.producers[id]; producer != nil {
		return producer, nil
	}
	codecs := map[string]kgo.CompressionCodec{
		"none":   kgo.NoCompression(),
		"gzip":   kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(),
		"lz4":    kgo.Lz4Compression(),
		"zstd":   kgo.ZstdCompression(),
	}
	producer, err := kgo.NewClient(
		kgo.SeedBrokers(c.bootstrap),
		kgo.AllowAutoTopicCreation(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codecs[asked.Codec]),
		kgo.ProducerBatchMaxBytes(batchBytes),
		kgo.ProducerLinger(5*time.Millisecond),
	)
	c.producers[id] = producer
	return producer, err
}

func (c *client) fetch(ctx context.Context, asked *request) (any, error) {
	offset, err := c.start(ctx, asked)
	if err != nil {
		return nil, err
	}
	consumer, err := kgo.NewClient(
		kgo.SeedBrokers(c.bootstrap),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
			asked.Topic: {asked.Partition: kgo.NewOffset().At(offset)},
		}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchMaxPartitionBytes(maxBytes),
	)
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	records := []record{}
	for len(records) < asked.Count {
		fetches := consumer.PollRecords(ctx, asked.Count-len(records))
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("%d of %d records arrived: %w", len(records), asked.Count, err)
		}
		fetches.EachRecord(func(r *kgo.Record) { records = append(records, fetched(r)) })
	}
	return records, nil
}

func (c *client) start(ctx context.Context, asked *request) (int64, error) {
	if asked.Start.Offset != nil {
		return *asked.Start.Offset, nil
	}
	listed, err := c.admin.ListOffsetsAfterMilli(ctx, *asked.Start.Timestamp, asked.Topic)
	return offsetOf(listed, err, asked.Topic, asked.Partition)
}

func fetched(r *kgo.Record) record {
	headers := []header{}
	for _, h := range r.Headers {
		headers = append(headers, header{h.Key, h.Value})
	}
	return record{Key: r.Key, Value: r.Value, Headers: headers, Timestamp: r.Timestamp.UnixMilli(), Offset: r.Offset}
}

func (c *client) listOffset(ctx context.Context, topic string, partition int32, at json.RawMessage) (int64, error) {
	var time struct{ Timestamp int64 }
	var listed kadm.ListedOffsets
	var err error
	switch string(at) {
	case `"earliest"`:
		listed, err = c.admin.ListStartOffsets(ctx, topic)
	case `"latest"`:
		listed, err = c.admin.ListEndOffsets(ctx, topic)
	case `"max_timestamp"`:
		listed, err = c.admin.ListMaxTimestampOffsets(ctx, topic)
	default:
		if err := json.Unmarshal(at, &time); err != nil {
			return 0, err
		}
		listed, err = c.admin.ListOffsetsAfterMilli(ctx, time.Timestamp, topic)
	}
	return offsetOf(listed, err, topic, partition)
}

func offsetOf(listed kadm.ListedOffsets, err error, topic string, partition int32) (int64, error) {
	if err = errors.Join(err, listed.Error()); err != nil {
		return 0, err
	}
	found, ok := listed.Lookup(topic, partition)
	if !ok {
		return 0, fmt.Errorf("no offset of partition %d", partition)
	}
	return found.Offset, nil
}
