package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
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

An event with its own id can be sent again safely. docs/events.md lists the event types.`,
		Example: `  amends record complaint.json
  jq -c '.[]' events.json | amends record -`,
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
			err = c.record(cmd, in, func(line []byte, r receipt) error {
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

// record sends events, however they are written, and calls each with every receipt's bytes and meaning.
func (c *client) record(cmd commandContext, in io.Reader, each func([]byte, receipt) error) error {
	body, contentType, err := sniff(in)
	if err != nil {
		return err
	}
	resp, err := c.do(cmd.Context(), http.MethodPost, "/v1/events", nil, "", contentType, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return eachReceipt(resp.Body, each)
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
		if r.Status == "" {
			return fmt.Errorf("the ledger gave up: %s", raw)
		}
		if err := each(raw, r); err != nil {
			return err
		}
	}
}

// maxSingle is how large one event spread over several lines may be. The record's own limit is far below.
const maxSingle = 16 << 20

// sniff tells an array from NDJSON, and makes NDJSON of a single event spread over several lines.
func sniff(in io.Reader) (io.Reader, string, error) {
	r := bufio.NewReaderSize(in, 64<<10)
	for {
		b, err := r.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil, "", usage(errors.New("no events: the input is empty"))
		}
		if err != nil {
			return nil, "", err
		}
		if b == ' ' || b == '\t' || b == '\r' || b == '\n' {
			continue
		}
		if err := r.UnreadByte(); err != nil {
			return nil, "", err
		}
		if b == '[' {
			return r, "application/cloudevents-batch+json", nil
		}
		break
	}
	// One event over several lines is valid as a whole, and its first line alone is not.
	head, err := r.Peek(r.Size())
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, "", err
	}
	first, _, whole := bytes.Cut(head, []byte("\n"))
	if whole && !json.Valid(first) {
		all, err := io.ReadAll(io.LimitReader(r, maxSingle))
		if err != nil {
			return nil, "", err
		}
		var compact bytes.Buffer
		if json.Compact(&compact, all) == nil {
			return &compact, "application/x-ndjson", nil
		}
		return io.MultiReader(bytes.NewReader(all), r), "application/x-ndjson", nil
	}
	return r, "application/x-ndjson", nil
}
