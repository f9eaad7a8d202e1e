package main

import (
	"encoding/hex"
	"encoding/json"
)

type request struct {
	Do         string             `json:"do"`
	Topic      string             `json:"topic"`
	Partitions int32              `json:"partitions"`
	Partition  int32              `json:"partition"`
	Total      int                `json:"total"`
	Configs    map[string]*string `json:"configs"`
	Set        map[string]string  `json:"set"`
	Codec      string             `json:"codec"`
	Records    []record           `json:"records"`
	Start      place              `json:"start"`
	Count      int                `json:"count"`
	At         json.RawMessage    `json:"at"`
}

// place is an offset, or a time in milliseconds.
type place struct {
	Offset    *int64 `json:"offset"`
	Timestamp *int64 `json:"timestamp"`
}

type record struct {
	Key       bytes    `json:"key"`
	Value     bytes    `json:"value"`
	Headers   []header `json:"headers"`
	Timestamp int64    `json:"timestamp"`
	Offset    int64    `json:"offset"`
}

// bytes are hexadecimal in JSON; nil is null, and empty is "".
type bytes []byte

func (b bytes) MarshalJSON() ([]byte, error) {
	if b == nil {
		return []byte("null"), nil
	}
	return json.Marshal(hex.EncodeToString(b))
}

func (b *bytes) UnmarshalJSON(text []byte) error {
	var digits *string
	if err := json.Unmarshal(text, &digits); err != nil || digits == nil {
		return err
	}
	decoded, err := hex.DecodeString(*digits)
	*b = append([]byte{}, decoded...)
	return err
}

// header is a pair of name and value in JSON.
type header struct {
	name  string
	value bytes
}

func (h header) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{h.name, h.value})
}

func (h *header) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&h.name, &h.value})
}
