package main

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	abortPercent   = 30
	abandonPercent = 5
	endLimit       = 30 * time.Second
	// A producer begins only when the broker is well and what it left open before is ended.
	beginLimit = 100 * time.Second
	beginAgain = 100 * time.Millisecond
)

// transactions begins and ends transactions until it is enough. Some are aborted, and some are left to whoever begins next.
func (p *producer) transactions(enough context.Context) error {
	for enough.Err() == nil {
		if err := p.client.BeginTransaction(); err != nil {
			if err := p.anew(); err != nil {
				return err
			}
			continue
		}
		p.txn++
		for bursts := 1 + p.random.Intn(4); bursts > 0; bursts-- {
			p.burst()
		}
		fate := p.random.Intn(100)
		if fate < abandonPercent {
			p.history.write(event{E: "end", T: monotonic(), Txn: p.txn, How: "abandon"})
			if err := p.anew(); err != nil {
				return err
			}
			continue
		}
		if !p.end(fate < abandonPercent+abortPercent) {
			if err := p.anew(); err != nil {
				return err
			}
		}
	}
	p.client.Close()
	p.writeOutcomes()
	return nil
}

// end commits or aborts, and says whether the client is fit for the next transaction.
func (p *producer) end(abort bool) bool {
	ctx, cancel := context.WithTimeout(context.Background(), endLimit)
	defer cancel()
	flushed := p.client.Flush(ctx)
	p.writeOutcomes()
	how := "commit"
	if abort || flushed != nil {
		how = "abort"
	}
	p.history.write(event{E: "end", T: monotonic(), Txn: p.txn, How: how})
	err := p.client.EndTransaction(ctx, kgo.TransactionEndTry(how == "commit"))
	ended := event{E: "ended", T: monotonic(), Txn: p.txn, How: "ok"}
	if err != nil {
		ended.How, ended.Why = "unknown", err.Error()
	}
	p.history.write(ended)
	return err == nil
}

// anew goes on with another client for the same transactional id, which ends what the first one left open.
func (p *producer) anew() error {
	p.client.Close()
	p.writeOutcomes()
	if err := p.connect(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), beginLimit)
	defer cancel()
	if _, _, err := p.client.ProducerID(ctx); err != nil {
		p.history.write(event{E: "trouble", T: monotonic(), Why: err.Error()})
		time.Sleep(beginAgain)
	}
	return nil
}
