// The franz-go clients of `cargo xtask torture`; see ../../README.md. Each writes a history of what it asked, saw and was told,
// which is judged elsewhere.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// arguments are those of all programs; each uses its own.
type arguments struct {
	Bootstrap string `json:"bootstrap"`
	// History is the file that is appended to.
	History string `json:"history"`
	// Run marks every record, so that none of another run is taken for one of this.
	Run        uint32  `json:"run"`
	Seed       int64   `json:"seed"`
	Topics     []topic `json:"topics"`
	Partitions int32   `json:"partitions"`
	// Producer is the number of this producer.
	Producer uint16 `json:"producer"`
	// Kind is plain, idempotent or transactional.
	Kind  string `json:"kind"`
	Codec string `json:"codec"`
	// Rate is the most records a second.
	Rate int `json:"rate"`
	// Committed is whether a reader sees only what is committed.
	Committed bool `json:"committed"`
	// Whole is whether a reader ends at what was the end when it began, rather than when its input ends.
	Whole bool `json:"whole"`
	// Group is what a member is part of, and Protocol classic or consumer.
	Group    string `json:"group"`
	Protocol string `json:"protocol"`
	// Groups are those whose offsets are watched.
	Groups []string `json:"groups"`
}

type topic struct {
	Name    string             `json:"name"`
	Configs map[string]*string `json:"configs"`
}

func (a *arguments) names() []string {
	names := []string{}
	for _, t := range a.Topics {
		names = append(names, t.Name)
	}
	return names
}

func (a *arguments) options(more ...kgo.Opt) []kgo.Opt {
	return append([]kgo.Opt{
		kgo.SeedBrokers(a.Bootstrap),
		kgo.RetryBackoffFn(func(int) time.Duration { return 100 * time.Millisecond }),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.MetadataMaxAge(5 * time.Second),
		kgo.DialTimeout(2 * time.Second),
		kgo.RequestTimeoutOverhead(5 * time.Second),
	}, more...)
}

func main() {
	programs := map[string]func(context.Context, *arguments, *history) error{
		"setup": setup, "produce": produce, "read": read, "watch": watch, "member": member, "topics": churn,
	}
	if err := run(programs); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(programs map[string]func(context.Context, *arguments, *history) error) error {
	if len(os.Args) != 3 || programs[os.Args[1]] == nil {
		return fmt.Errorf("usage: torture PROGRAM ARGUMENTS")
	}
	var a arguments
	if err := json.Unmarshal([]byte(os.Args[2]), &a); err != nil {
		return err
	}
	h, err := openHistory(a.History)
	if err != nil {
		return err
	}
	// Its standard input ends when it has done enough.
	enough, end := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		end()
	}()
	return programs[os.Args[1]](enough, &a, h)
}
