package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
)

func newRecord() *cobra.Command {
	var at place
	cmd := &cobra.Command{
		Use:   "record [FILE|-]",
		Short: "Record events: CloudEvents in JSON, one, an array, or NDJSON",
		Long: `Record events: CloudEvents in JSON, one, an array, or NDJSON; from a file or standard input. Prints a receipt for each, in
order, as NDJSON: recorded, duplicate (the id was recorded before; nothing was added), or refused with the problem.

Events may also follow each other spread over several lines, as jq prints them. What a slow producer writes is recorded, and
its receipts printed, as it comes. A bad line is refused alone; what is malformed in an array, or in an event spread over
lines, ends it: everything before is recorded, and the rest is refused.

An event with its own id can be sent again safely. docs/events.md lists the event types.`,
		Example: `  amends record complaint.json
  jq '.[]' events.json | amends record -
  tail -f calls.ndjson | amends record - --server http://127.0.0.1:8080`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := cmd.InOrStdin()
			if len(args) == 1 && args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer f.Close()
				in = f
			}
			c, err := at.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			w := bufio.NewWriter(cmd.OutOrStdout())
			refused := 0
			resp, err := c.recordEvents(cmd.Context(), in)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			err = eachReceipt(&flushing{resp.Body, w}, func(line []byte, r receipt) error {
				if r.Status == "refused" {
					refused++
				}
				w.Write(line)
				return w.WriteByte('\n')
			})
			if err := errors.Join(err, w.Flush()); err != nil {
				return err
			}
			if refused > 0 {
				return &exitError{code: exitRefused}
			}
			return nil
		},
	}
	at.flags(cmd.Flags())
	return cmd
}

// receipt is the API's answer for one event, as far as the command line looks at it.
type receipt struct {
	ID       string        `json:"id"`
	Status   string        `json:"status"`
	Customer string        `json:"customer"`
	Position uint64        `json:"position"`
	Problem  *problemError `json:"problem"`
}

// recordEvents sends events, however they are written. Events on a line each are answered as they come.
func (c *client) recordEvents(ctx context.Context, in io.Reader) (*http.Response, error) {
	body, contentType, err := sniff(in)
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	if contentType == typeLines {
		query.Set("live", "true")
	}
	return c.do(ctx, http.MethodPost, "/v1/events", query, "", contentType, body)
}

// recordMade records one event that a verb made itself, and returns its receipt: as it came, and as it is read.
func (c *client) recordMade(ctx context.Context, event []byte) (line []byte, r receipt, err error) {
	resp, err := c.do(ctx, http.MethodPost, "/v1/events", nil, "", typeLines, bytes.NewReader(event))
	if err != nil {
		return nil, receipt{}, err
	}
	defer resp.Body.Close()
	err = eachReceipt(resp.Body, func(raw []byte, got receipt) error {
		line, r = bytes.Clone(raw), got
		return nil
	})
	return line, r, err
}

// flushing flushes the output before it waits for more input: what was answered is seen at once.
type flushing struct {
	in  io.Reader
	out *bufio.Writer
}

// Read implements io.Reader.
func (f *flushing) Read(p []byte) (int, error) {
	if err := f.out.Flush(); err != nil {
		return 0, err
	}
	return f.in.Read(p)
}

// eachReceipt reads receipts, an array or NDJSON.
func eachReceipt(body io.Reader, each func([]byte, receipt) error) error {
	dec := jsontext.NewDecoder(body)
	if dec.PeekKind() == '[' {
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
	}
	for {
		switch dec.PeekKind() {
		case ']':
			_, err := dec.ReadToken()
			return err
		case '{':
		default:
			if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
				return fmt.Errorf("the answer broke off: %w", err)
			}
			return nil
		}
		raw, err := dec.ReadValue()
		if err != nil {
			return fmt.Errorf("the answer broke off: %w", err)
		}
		var r receipt
		if err := json.Unmarshal(raw, &r); err != nil {
			return err
		}
		if r.Status == "" && r.Problem != nil { // the last line of live receipts
			return fmt.Errorf("the ledger gave up: %w", r.Problem)
		}
		if r.Status == "" {
			return fmt.Errorf("the ledger gave up: %s", raw)
		}
		if err := each(raw, r); err != nil {
			return err
		}
	}
}
