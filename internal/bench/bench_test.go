package bench_test

import (
	"context"
	"errors"
	"math"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"amends/internal/bench"
)

// TestQuick runs everything once. What a figure amounts to depends on the machine; that it is there does not.
func TestQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("measures for some seconds")
	}
	dir := t.TempDir()
	report, err := bench.Run(t.Context(), bench.Config{Dir: dir, Quick: true, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range report.Figures {
		names = append(names, f.Name)
		if !positive(f.Value) {
			t.Errorf("%s is %v %s", f.Name, f.Value, f.Unit)
		}
		if (f.Raw == nil) != (f.Ratio == nil) {
			t.Errorf("%s: raw %v and ratio %v, want both or neither", f.Name, f.Raw, f.Ratio)
		}
		if f.Raw != nil && (!positive(*f.Raw) || math.Abs(*f.Ratio**f.Raw/f.Value-1) > 1e-9) {
			t.Errorf("%s: %v against %v is not %v", f.Name, f.Value, *f.Raw, *f.Ratio)
		}
		if f.Unit == "" || f.Detail == "" {
			t.Errorf("%s does not say what it is: %+v", f.Name, f)
		}
	}
	want := []string{
		"memory_per_customer", "memory_after_writing", "ingest_to_views", "memory_empty", "start",
		"ingest", "ingest_4_senders", "ingest_histories", "ingest_personal_sealed",
		"append_1_callers", "append_1_callers_p50", "append_1_callers_p99",
		"append_8_callers", "append_8_callers_p50", "append_8_callers_p99",
		"append_64_callers", "append_64_callers_p50", "append_64_callers_p99",
		"append_256_callers", "append_256_callers_p50", "append_256_callers_p99",
		"replay_100_events", "replay_1000_events", "append_long_history", "append_long_history_first", "rebuild",
		"visible_p50", "visible_p99", "due_to_visible_p99",
		"ingest_log_sealed", "seal", "verify", "proof_p50", "proof_p99",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
	if m := report.Machine; m.Cores < 1 || m.GoVersion == "" || m.Date.IsZero() {
		t.Errorf("the machine is %+v", m)
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("%d directories are left over", len(left))
	}
}

func positive(v float64) bool { return v > 0 && !math.IsInf(v, 0) }

func TestRefusedSettings(t *testing.T) {
	for name, cfg := range map[string]bench.Config{
		"too few events":    {Events: 100},
		"too few customers": {Customers: 10},
		"no rate":           {Rate: -1},
	} {
		if _, err := bench.Run(t.Context(), cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	dir := t.TempDir()
	_, err := bench.Run(ctx, bench.Config{Dir: dir, Quick: true, Progress: func(string) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want the interruption", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%d directories are left over (%v)", len(left), err)
	}
}
