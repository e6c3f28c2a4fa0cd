// Package bench measures Amends on the machine at hand: each figure beside what the raw engine does with the same bytes on
// the same disk in the same run, because an absolute time says little about another machine.
package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Config says what to measure with. The zero Config measures for a minute or two in the system's temporary directory.
type Config struct {
	// Dir is where the temporary directories are made: it chooses the disk. Default: os.TempDir.
	Dir string
	// Quick measures so little that all of it takes some seconds. Its figures show that everything works, and no more.
	Quick bool
	// Seed decides on all invented events; the same seed gives the same events. 0 is a seed like any other.
	Seed uint64
	// Events is the largest log that is measured; the smallest has 10,000 (4,000 when quick).
	// Default 100,000 (12,000 when quick); at least 12,000.
	Events int
	// Customers is how many customers the memory is measured with. Default 50,000 (4,000 when quick).
	Customers int
	// Rate is the load, in events a second, under which the delay until the views show an event is measured. Default 1,000.
	Rate int
	// Progress is told what is being measured. Default: nobody is.
	Progress func(what string)
}

func (c Config) withDefaults() Config {
	if c.Events == 0 {
		c.Events = 100_000
		if c.Quick {
			c.Events = 12_000
		}
	}
	if c.Customers == 0 {
		c.Customers = 50_000
		if c.Quick {
			c.Customers = 4_000
		}
	}
	if c.Rate == 0 {
		c.Rate = 1_000
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	return c
}

// Check returns what is wrong with the settings; Run checks them too.
func (c Config) Check() error {
	c = c.withDefaults()
	switch {
	case c.Events < 12_000:
		return fmt.Errorf("a log of %d events is too small to measure on; take 12000 or more", c.Events)
	case c.Customers < 1_000:
		return fmt.Errorf("%d customers are too few to measure memory with; take 1000 or more", c.Customers)
	case c.Rate < 1:
		return fmt.Errorf("a rate of %d events a second is not a load", c.Rate)
	}
	return nil
}

// Figure is one measurement.
type Figure struct {
	Name  string  `json:"name"`  // stable; consumers may rely on it
	Unit  string  `json:"unit"`  // of Value and Raw
	Value float64 `json:"value"` // of Amends
	// Raw is what Value is held against: the raw engine, or the smaller or shorter case. Ratio is Value/Raw. Both are nil
	// where a figure stands for itself.
	Raw   *float64 `json:"raw"`
	Ratio *float64 `json:"ratio"`
	// Goal is what is aimed at, such as "ratio >= 0.6"; empty where there is no goal.
	Goal   string `json:"goal"`
	Detail string `json:"detail"` // what exactly was measured, and what Raw is
}

// against sets what the value is held against.
func (f Figure) against(raw float64) Figure {
	ratio := f.Value / raw
	f.Raw, f.Ratio = &raw, &ratio
	return f
}

// Report is a whole run.
type Report struct {
	Machine Machine  `json:"machine"`
	Seed    uint64   `json:"seed"`
	Quick   bool     `json:"quick"`
	Seconds float64  `json:"seconds"` // how long all of it took
	Figures []Figure `json:"figures"`
}

// run is one run under way: its settings, its directory and what it has found so far.
type run struct {
	Config
	dir     string
	figures []Figure
}

func (r *run) add(figures ...Figure) { r.figures = append(r.figures, figures...) }

// path names a directory of this run; it does not exist yet.
func (r *run) path(name string) string { return filepath.Join(r.dir, name) }

// pick returns the first value in a quick run and the second in a full one.
func pick[T any](r *run, quick, full T) T {
	if r.Quick {
		return quick
	}
	return full
}

// Run measures everything, one thing after the other, and removes what it wrote.
func Run(ctx context.Context, cfg Config) (_ *Report, err error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	dir, err := os.MkdirTemp(cfg.Dir, "amends-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a directory to measure in: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	began := time.Now()
	r := &run{Config: cfg, dir: dir}
	for _, step := range []struct {
		what    string
		measure func(context.Context, *run) error
	}{
		{"memory and start", measureFootprint}, // first, while the heap holds nothing of the others
		{"durable ingest", measureIngest},
		{"sealing", measureSealing},
		{"single appends", measureSingles},
		{"a growing log", measureLog},
		{"sealing", measureSeal},
	} {
		cfg.Progress(step.what)
		if err := step.measure(ctx, r); err != nil {
			return nil, fmt.Errorf("measure %s: %w", step.what, err)
		}
	}
	return &Report{
		Machine: thisMachine(began), Seed: cfg.Seed, Quick: cfg.Quick, Seconds: time.Since(began).Seconds(), Figures: r.figures,
	}, nil
}
