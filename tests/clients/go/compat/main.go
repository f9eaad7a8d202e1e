// The franz-go client of the tests; see ../README.md.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	requestLimit = 30 * time.Second
	maxBytes     = 20_000_000
)

type answer struct {
	Ok    any    `json:"ok"`
	Error string `json:"error,omitempty"`
	Code  int16  `json:"code,omitempty"`
}

type client struct {
	bootstrap string
	admin     *kadm.Client
	producers map[string]*kgo.Client
}

func main() {
	c, err := newClient(os.Args[1])
	if err == nil {
		err = c.serve(os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func newClient(bootstrap string) (*client, error) {
	admin, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		return nil, err
	}
	return &client{bootstrap, kadm.NewClient(admin), map[string]*kgo.Client{}}, nil
}

func (c *client) serve(in io.Reader, out io.Writer) error {
	lines := bufio.NewReaderSize(in, 1<<20)
	answers := json.NewEncoder(out)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var asked request
		if err := json.Unmarshal(line, &asked); err != nil {
			return err
		}
		if err := answers.Encode(c.answer(&asked)); err != nil {
			return err
		}
	}
}

func (c *client) answer(asked *request) answer {
	ctx, cancel := context.WithTimeout(context.Background(), requestLimit)
	defer cancel()
	ok, err := c.do(ctx, asked)
	if err == nil {
		return answer{Ok: ok}
	}
	var refused *kerr.Error
	if errors.As(err, &refused) {
		return answer{Error: err.Error(), Code: refused.Code}
	}
	return answer{Error: err.Error(), Code: -1}
}

func (c *client) do(ctx context.Context, asked *request) (any, error) {
	switch asked.Do {
	case "create_topic":
		_, err := c.admin.CreateTopic(ctx, asked.Partitions, 1, asked.Configs, asked.Topic)
		return nil, err
	case "delete_topic":
		_, err := c.admin.DeleteTopic(ctx, asked.Topic)
		return nil, err
	case "create_partitions":
		answers, err := c.admin.UpdatePartitions(ctx, asked.Total, asked.Topic)
		return nil, errors.Join(err, answers.Error())
	case "list_topics":
		topics, err := c.admin.ListTopics(ctx)
		return topics.Names(), err
	case "count_partitions":
		topics, err := c.admin.ListTopics(ctx, asked.Topic)
		return len(topics[asked.Topic].Partitions), errors.Join(err, topics.Error())
	case "describe_configs":
		return c.describeConfigs(ctx, asked.Topic)
	case "alter_configs":
		return nil, c.alterConfigs(ctx, asked.Topic, asked.Set)
	case "produce":
		return c.produce(ctx, asked)
	case "fetch":
		return c.fetch(ctx, asked)
	case "list_offset":
		return c.listOffset(ctx, asked.Topic, asked.Partition, asked.At)
	}
	return nil, fmt.Errorf("unknown request %q", asked.Do)
}
