package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newSubscribe() *cobra.Command {
	var at place
	var types []string
	var customer, cursor string
	var after uint64
	var catchUp bool
	cmd := &cobra.Command{
		Use:   "subscribe",
		Short: "Print the log's events as they are recorded",
		Long: `Print the log's events, in order, and then stay live. Each line is {"position":N,"event":{…}}; the event is the exact
record. To go on later where a subscription ended, name the last position seen as --after, or let --cursor FILE keep it.

With --cursor the position is written after the line, so a subscriber that is killed in between gets that one line again;
each line carries its position for that.`,
		Example: `  amends subscribe --server http://127.0.0.1:8080 --type 'complaint.*'
  amends subscribe --cursor churn-service.position --catch-up`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cursor != "" && !cmd.Flags().Changed("after") {
				kept, err := readCursor(cursor)
				if err != nil {
					return err
				}
				after = kept
			}
			c, err := at.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			s := subscription{
				client: c, after: after, types: types, customer: customer, cursor: cursor, follow: !catchUp,
				out: bufio.NewWriter(cmd.OutOrStdout()),
			}
			for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
				before := s.after
				err := s.run(cmd)
				if err == nil && catchUp {
					return nil
				}
				if cmd.Context().Err() != nil {
					return nil // told to stop: the last position is known
				}
				var problem *problemError
				var broken *outputError
				if errors.As(err, &problem) && (problem.status < 500 || problem.Type == problemLogDamaged) || errors.As(err, &broken) {
					return err
				}
				if s.after != before {
					wait = 100 * time.Millisecond
				}
				fmt.Fprintf(os.Stderr, "amends: the subscription broke off after position %d (%v); trying again\n", s.after, err)
				select {
				case <-time.After(wait):
				case <-cmd.Context().Done():
					return nil
				}
			}
		},
	}
	at.flags(cmd.Flags())
	cmd.Flags().StringArrayVar(&types, "type", nil, "event type, * for any part, as in 'complaint.*'; may be repeated")
	cmd.Flags().StringVar(&customer, "customer", "", "only this customer's events")
	cmd.Flags().Uint64Var(&after, "after", 0, "start after this position (0: from the beginning)")
	cmd.Flags().StringVar(&cursor, "cursor", "", "file that keeps the last position between runs")
	cmd.Flags().BoolVar(&catchUp, "catch-up", false, "end at the end of the log instead of staying live")
	return cmd
}

// subscription is one reader's place in the log; it survives a broken connection.
type subscription struct {
	client   *client
	after    uint64
	types    []string
	customer string
	cursor   string
	follow   bool
	out      *bufio.Writer
}

// outputError: our own output cannot be written; trying again would not help.
type outputError struct{ cause error }

func (e *outputError) Error() string { return "write the output: " + e.cause.Error() }
func (e *outputError) Unwrap() error { return e.cause }

// run prints events until the connection ends. However it ends, what was printed are whole lines.
func (s *subscription) run(cmd commandContext) (err error) {
	defer func() {
		if failed := s.out.Flush(); failed != nil {
			err = &outputError{failed}
		}
	}()
	query := url.Values{"after": {strconv.FormatUint(s.after, 10)}, "type": s.types}
	if s.customer != "" {
		query.Set("customer", s.customer)
	}
	if s.follow {
		query.Set("follow", "true")
	}
	resp, err := s.client.do(cmd.Context(), get, "/v1/events", query, "application/x-ndjson", "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewReaderSize(resp.Body, 128<<10)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			if errors.Is(err, io.EOF) && len(line) == 0 && !s.follow {
				return nil
			}
			return err // a line without its end is not an event
		}
		var head struct {
			Position uint64 `json:"position"`
		}
		if len(line) <= 1 {
			continue // a sign of life
		}
		if err := json.Unmarshal(line, &head); err != nil || head.Position == 0 {
			return fmt.Errorf("not an event: %.80q", line)
		}
		if s.out.Available() < len(line) { // a buffer that runs over would print a part of the line
			if err := s.out.Flush(); err != nil {
				return &outputError{err}
			}
		}
		if _, err := s.out.Write(line); err != nil {
			return &outputError{err}
		}
		s.after = head.Position
		if lines.Buffered() == 0 || s.cursor != "" {
			if err := s.out.Flush(); err != nil {
				return &outputError{err}
			}
		}
		if s.cursor != "" {
			if err := writeCursor(s.cursor, s.after); err != nil {
				return &outputError{err}
			}
		}
	}
}

func readCursor(path string) (uint64, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	position, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s does not hold a position: %w", path, err)
	}
	return position, nil
}

// writeCursor replaces the file as a whole: a crash leaves the old position or the new one.
func writeCursor(path string, position uint64) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".amends-cursor-*")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(temporary, position)
	if err = errors.Join(err, temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}
