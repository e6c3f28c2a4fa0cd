package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"amends/domain"
	"amends/eventstore"
	"amends/internal/demo"
	"amends/internal/esdbtest"
	"amends/internal/mapping"
	"amends/ledger"
	"amends/projections"
	"amends/schemas"
)

// demoEnd is when the demo's histories of these tests end.
var demoEnd = time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC)

// TestEnginesAgree: the same import gives the same records and the same rows on every engine. Positions are each engine's own.
func TestEnginesAgree(t *testing.T) {
	for name, source := range map[string]iter.Seq[[]byte]{
		"demo": demo.Generate(demo.Config{Seed: 3, Customers: 40, From: demoEnd.AddDate(-1, 0, 0), To: demoEnd}),
		"cfpb": realEvents("cfpb", "cfpb_complaints.csv"),
	} {
		t.Run(name, func(t *testing.T) {
			if name == "cfpb" && (testData() == "" || testing.Short()) {
				t.Skip("needs the real files (AMENDS_TEST_DATA), and is not for -short")
			}
			events := slices.Collect(source)
			remote := logPlace{data: t.TempDir(), store: esdbtest.Start(t, esdbtest.Config{}).URL()}
			want := importInto(t, &openedLog{Store: eventstore.NewMemory(), close: func() error { return nil }}, events)
			for engine, at := range map[string]logPlace{"embedded": {data: t.TempDir()}, "EventStoreDB": remote} {
				l, err := at.open(t.Context(), zerolog.Nop())
				if err != nil {
					t.Fatal(err)
				}
				got := importInto(t, l, events)
				for what, pair := range map[string][2]map[string][]string{
					"records": {want.records, got.records}, "rows": {want.rows, got.rows},
				} {
					if !maps.EqualFunc(pair[0], pair[1], slices.Equal[[]string]) {
						t.Errorf("%s (-memory +%s):\n%.3000s", what, engine, cmp.Diff(pair[0], pair[1]))
					}
				}
			}
		})
	}
}

// realEvents maps a real file.
func realEvents(builtin, file string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		m, err := mapping.Builtin(builtin)
		if err != nil {
			panic(err)
		}
		f, err := os.Open(filepath.Join(testData(), file))
		if err != nil {
			panic(err)
		}
		defer f.Close()
		for row := range m.Rows(f) {
			for _, e := range row.Events {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// outcome of an import: each customer's records, and each view's rows as text.
type outcome struct {
	records map[string][]string
	rows    map[string][]string
}

// counted counts how often its log is read from the start.
type counted struct {
	eventstore.Store
	fromStart atomic.Int32
}

func (c *counted) Follow(ctx context.Context, after eventstore.Position) iter.Seq2[eventstore.Recorded, error] {
	if after == 0 {
		c.fromStart.Add(1)
	}
	return c.Store.Follow(ctx, after)
}

func importInto(t *testing.T, l *openedLog, events [][]byte) (out outcome) {
	t.Helper()
	defer func() {
		if err := l.close(); err != nil {
			t.Error(err)
		}
	}()
	now := func() time.Time { return demoEnd }
	codec, err := schemas.New()
	if err != nil {
		t.Fatal(err)
	}
	store := &counted{Store: l.Store}
	in := ledger.New(ledger.Config{Store: store, Codec: codec, Clock: now})
	// So few events are held that a build must read the log in parts.
	views, err := projections.Open(t.Context(), projections.Config{
		Path: filepath.Join(t.TempDir(), "views.sqlite"), Store: store, Codec: codec, Weights: domain.ExpertWeights(),
		Clock: now, CacheEvents: 1 + len(events)/3, SparsePositions: l.sparse,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- views.Run(ctx) }()
	for batch := range slices.Chunk(events, importBatch) {
		receipts, err := in.Record(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range receipts {
			if r.Status == ledger.Refused {
				t.Fatalf("%s: %v", r.ID, r.Problem)
			}
		}
	}
	end, err := store.End(t.Context())
	if err == nil {
		err = views.WaitFor(t.Context(), end)
	}
	if err != nil {
		t.Fatal(err)
	}
	store.fromStart.Store(0)
	report, err := views.Check(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range report.Tables {
		if table.Differing > 0 {
			t.Errorf("a rebuild differs from the live view: %+v", table)
		}
	}
	// Where positions have gaps the events are counted first; a position taken for a number of events would mean a pass for
	// every few records.
	if n := store.fromStart.Load(); n < 2 || n > 5 {
		t.Errorf("the log was read %d times from its start to build the views, want 3 or 4", n)
	}
	out.rows = rowsOfAll(t, views)
	stop()
	if err := <-ran; !errors.Is(err, context.Canceled) {
		t.Errorf("the projector ended with %v", err)
	}
	if err := views.Close(); err != nil {
		t.Error(err)
	}
	out.records = make(map[string][]string)
	for e, err := range store.Follow(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if out.records[e.Stream] = append(out.records[e.Stream], string(e.Data)); e.Position == end {
			break
		}
	}
	return out
}

// rowsOfAll is every row of every view, without positions.
func rowsOfAll(t *testing.T, views *projections.Views) map[string][]string {
	t.Helper()
	all := make(map[string][]string)
	for _, v := range views.Views() {
		rows, err := views.SQL(t.Context(), "SELECT * FROM "+v.Name)
		if err != nil {
			t.Fatal(err)
		}
		position := slices.IndexFunc(rows.Columns(), func(c projections.ResultColumn) bool { return c.Name == "position" })
		for values := range rows.All() {
			if position >= 0 {
				values = slices.Delete(slices.Clone(values), position, position+1)
			}
			all[v.Name] = append(all[v.Name], fmt.Sprint(values...))
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
		slices.Sort(all[v.Name])
	}
	return all
}
