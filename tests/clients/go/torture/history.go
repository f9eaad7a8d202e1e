package main

import (
	"encoding/json"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// history is a file of JSON objects, one a line. Each line is with the kernel when the call returns.
type history struct {
	file *os.File
	lock sync.Mutex
}

// event is a line; what it has no use for is left out.
type event struct {
	// E is what happened.
	E string `json:"e"`
	// T is when, in nanoseconds of CLOCK_MONOTONIC.
	T     int64  `json:"t"`
	Topic string `json:"topic,omitempty"`
	P     int32  `json:"p"`
	// Seq is the number of the first record among those of its producer in the partition, and N how many follow each other.
	Seq int64 `json:"seq"`
	N   int64 `json:"n"`
	// Txn is the number of the transaction among those of its producer; 0 is none.
	Txn uint32 `json:"txn,omitempty"`
	Off int64  `json:"off"`
	// Producer is whose record a reader saw; -1 stands for a marker.
	Producer int32  `json:"producer"`
	How      string `json:"how,omitempty"`
	Why      string `json:"why,omitempty"`
	// Start and End are the offsets of a partition.
	Start int64 `json:"start,omitempty"`
	End   int64 `json:"end,omitempty"`
	// Last is the last stable offset.
	Last int64 `json:"last,omitempty"`
}

func openHistory(path string) (*history, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	return &history{file: file}, err
}

func (h *history) write(events ...event) {
	if len(events) == 0 {
		return
	}
	lines := []byte{}
	for _, e := range events {
		line, err := json.Marshal(e)
		if err != nil {
			panic(err)
		}
		lines = append(append(lines, line...), '\n')
	}
	h.lock.Lock()
	defer h.lock.Unlock()
	if _, err := h.file.Write(lines); err != nil {
		panic(err)
	}
}

// monotonic is the clock that all processes of this machine share; Go's own is none that can be compared.
func monotonic() int64 {
	const clockMonotonic = 1
	var now syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&now)), 0)
	return now.Nano()
}
