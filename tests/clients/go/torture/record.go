package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// What a record is: the run, the producer, topic and partition, the number, the transaction, and a checksum over those, the key
	// and the value. It stands in a header, so that the value can be as small as a byte.
	identityName  = "i"
	identityBytes = 24
	// keysOfProducer is how many keys a producer has in a compacted topic; the checker counts with the same number.
	keysOfProducer = 53
	sizeMax        = 900_000
)

type identity struct {
	run       uint32
	producer  uint16
	topic     uint8
	partition uint8
	seq       uint64
	txn       uint32
}

// noise is what values are cut from: a part of it can be compressed.
var noise = func() []byte {
	source := rand.New(rand.NewSource(1))
	bytes := make([]byte, 2<<20)
	for i := range bytes {
		if i%64 < 40 {
			bytes[i] = 'a' + byte(i/1024%16)
		} else {
			bytes[i] = byte(source.Intn(256))
		}
	}
	return bytes
}()

func (i identity) encode(key, value []byte) []byte {
	b := make([]byte, 0, identityBytes)
	b = binary.BigEndian.AppendUint32(b, i.run)
	b = binary.BigEndian.AppendUint16(b, i.producer)
	b = append(b, i.topic, i.partition)
	b = binary.BigEndian.AppendUint64(b, i.seq)
	b = binary.BigEndian.AppendUint32(b, i.txn)
	return binary.BigEndian.AppendUint32(b, checksum(b, key, value))
}

func checksum(parts ...[]byte) uint32 {
	var sum uint32
	for _, part := range parts {
		sum = crc32.Update(sum, crc32.IEEETable, part)
	}
	return sum
}

// identify tells what a record is, or what is wrong with it.
func identify(r *kgo.Record) (identity, error) {
	if len(r.Headers) != 1 || r.Headers[0].Key != identityName || len(r.Headers[0].Value) != identityBytes {
		return identity{}, errors.New("no identity")
	}
	b := r.Headers[0].Value
	if checksum(b[:identityBytes-4], r.Key, r.Value) != binary.BigEndian.Uint32(b[identityBytes-4:]) {
		return identity{}, errors.New("the checksum is wrong")
	}
	return identity{
		run:       binary.BigEndian.Uint32(b),
		producer:  binary.BigEndian.Uint16(b[4:]),
		topic:     b[6],
		partition: b[7],
		seq:       binary.BigEndian.Uint64(b[8:]),
		txn:       binary.BigEndian.Uint32(b[16:]),
	}, nil
}

// newRecord makes a record of 1 byte to 900 KB, most of them small.
func newRecord(random *rand.Rand, name string, i identity) *kgo.Record {
	size := 1 + random.Intn(120)
	switch {
	case random.Intn(20_000) == 0:
		size = 1 + random.Intn(sizeMax)
	case random.Intn(100) == 0:
		size = 1 + random.Intn(8_000)
	}
	key := []byte(fmt.Sprintf("%d-%d", i.producer, i.seq%keysOfProducer))
	from := int(i.seq*4099) % (len(noise) - sizeMax)
	value := noise[from : from+size]
	return &kgo.Record{
		Topic:     name,
		Partition: int32(i.partition),
		Key:       key,
		Value:     value,
		Headers:   []kgo.RecordHeader{{Key: identityName, Value: i.encode(key, value)}},
	}
}
