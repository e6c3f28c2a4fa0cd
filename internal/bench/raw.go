package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"amends/eventstore"
)

// raw is a plain JetStream server inside this process, with the durability of the ledger's (every acknowledgement is
// synced) and nothing of ours around it: what the figures are held against.
type raw struct {
	server *server.Server
	nc     *nats.Conn
	js     jetstream.JetStream
}

const (
	rawStream = "RAW"
	rawPrefix = "raw."
)

// startRaw starts a server on the directory, which may hold streams already.
func startRaw(dir string) (_ *raw, err error) {
	s, err := server.NewServer(&server.Options{
		ServerName: "raw", DontListen: true, NoSigs: true, NoLog: true, JetStream: true, StoreDir: dir, SyncAlways: true,
		SyncInterval: 2 * time.Minute, JetStreamMaxStore: 1 << 40, MaxPending: 256 << 20, DisableJetStreamBanner: true,
	})
	if err != nil {
		return nil, fmt.Errorf("configure the raw server: %w", err)
	}
	r := &raw{server: s}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	s.Start()
	if !s.ReadyForConnections(5*time.Minute) || !s.JetStreamEnabled() {
		return nil, errors.New("the raw server does not start")
	}
	if r.nc, err = nats.Connect("", nats.InProcessServer(s)); err != nil {
		return nil, fmt.Errorf("connect to the raw server: %w", err)
	}
	if r.js, err = jetstream.New(r.nc); err != nil {
		return nil, err
	}
	return r, nil
}

// newRaw starts a server with an empty stream, of the kind that a log is: one subject for each customer, no limits.
func newRaw(ctx context.Context, dir string) (*raw, error) {
	r, err := startRaw(dir)
	if err != nil {
		return nil, err
	}
	_, err = r.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: rawStream, Subjects: []string{rawPrefix + "*"}, Storage: jetstream.FileStorage, Discard: jetstream.DiscardNew,
		MaxMsgs: -1, MaxBytes: -1, MaxMsgsPerSubject: -1, DenyDelete: true, DenyPurge: true, AllowDirect: true,
		AllowAtomicPublish: true,
	})
	if err != nil {
		r.close()
		return nil, fmt.Errorf("create the raw stream: %w", err)
	}
	return r, nil
}

func (r *raw) close() {
	if r.nc != nil {
		r.nc.Close()
	}
	r.server.Shutdown()
	r.server.WaitForShutdown()
}

// batches publishes the records in atomic batches (ADR-50) of so many, each once the one before is acknowledged.
func (r *raw) batches(ctx context.Context, records []eventstore.Recorded, size int) error {
	for len(records) > 0 {
		n := min(size, len(records))
		if err := r.batch(ctx, records[:n]); err != nil {
			return err
		}
		records = records[n:]
	}
	return nil
}

func (r *raw) batch(ctx context.Context, records []eventstore.Recorded) error {
	id := []string{nats.NewInbox()[len(nats.InboxPrefix):]}
	for i, rec := range records {
		m := &nats.Msg{Subject: rawPrefix + rec.Stream, Data: rec.Data, Header: nats.Header{
			"Nats-Batch-Id": id, "Nats-Batch-Sequence": {strconv.Itoa(i + 1)},
		}}
		if i < len(records)-1 {
			if err := r.nc.PublishMsg(m); err != nil {
				return fmt.Errorf("publish to the raw server: %w", err)
			}
			continue
		}
		m.Header["Nats-Batch-Commit"] = []string{"1"}
		answer, err := r.nc.RequestMsgWithContext(ctx, m)
		if err != nil {
			return fmt.Errorf("commit a batch to the raw server: %w", err)
		}
		var ack struct {
			Seq   uint64          `json:"seq"`
			Error json.RawMessage `json:"error"`
		}
		if err := json.Unmarshal(answer.Data, &ack); err != nil {
			return fmt.Errorf("read the raw server's acknowledgement: %w", err)
		}
		if ack.Seq == 0 {
			return fmt.Errorf("the raw server refused a batch: %s", ack.Error)
		}
	}
	return nil
}

// publish publishes one record and waits for its acknowledgement.
func (r *raw) publish(ctx context.Context, rec eventstore.Recorded) error {
	if _, err := r.js.Publish(ctx, rawPrefix+rec.Stream, rec.Data); err != nil {
		return fmt.Errorf("publish to the raw server: %w", err)
	}
	return nil
}

// replay reads the server's only stream from end to end in order, and returns how many messages it has.
func (r *raw) replay(ctx context.Context) (int, error) {
	streams := r.js.ListStreams(ctx)
	var info *jetstream.StreamInfo
	for info = range streams.Info() {
		break
	}
	if err := streams.Err(); err != nil {
		return 0, fmt.Errorf("list the raw server's streams: %w", err)
	}
	if info == nil {
		return 0, errors.New("the raw server has no stream")
	}
	consumer, err := r.js.OrderedConsumer(ctx, info.Config.Name, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return 0, fmt.Errorf("replay raw: %w", err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(5_000))
	if err != nil {
		return 0, fmt.Errorf("replay raw: %w", err)
	}
	defer messages.Stop()
	n := int(info.State.Msgs)
	for range n {
		if _, err := messages.Next(jetstream.NextContext(ctx)); err != nil {
			return 0, fmt.Errorf("replay raw: %w", err)
		}
	}
	return n, nil
}
