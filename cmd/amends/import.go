package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"amends/internal/mapping"
)

// importBatch is how many events one request of an import carries.
const importBatch = 1_000

func newImport() *cobra.Command {
	var at place
	var mappingFile, rejectsPath, formatName string
	allowed := []format{formatTable, formatJSON}
	cmd := &cobra.Command{
		Use:   "import cfpb|helpdesk|cloudevents|csv FILE…",
		Short: "Import histories from files",
		Long: `Import histories from files. cfpb and helpdesk are mappings that come with Amends; csv takes your own (--mapping M.yaml,
see docs/import.md); cloudevents takes CloudEvents in JSON (one, an array, or NDJSON).

Importing a file again records nothing new, so an import that was interrupted is simply started again. Rows that cannot be
mapped, that the ledger refuses, or that were recorded before with other data (changed: what was recorded stands), go to a
rejects file (row number, reason, original row); the exit code is then 3. Correct that file and import it like the first one.
A rejects file of an earlier import is kept with .old behind its name.`,
		Example: `  amends import cfpb complaints.csv
  amends import csv --mapping crm.yaml calls-2025.csv calls-2026.csv`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := chosenFormat(formatName, allowed...)
			if err != nil {
				return err
			}
			m, files, err := chooseMapping(args, mappingFile)
			if err != nil {
				return err
			}
			if rejectsPath != "" && len(files) > 1 {
				return usage(errors.New("--rejects names one file; import several files without it, or one at a time"))
			}
			var alsoRead []string
			if mappingFile != "" {
				alsoRead = append(alsoRead, mappingFile)
			}
			rejects, err := rejectsFiles(files, rejectsPath, alsoRead...)
			if err != nil {
				return err
			}
			c, err := at.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			imp := &importer{client: c, cmd: cmd, mapping: m}
			started := time.Now()
			var failure error
			for i, file := range files {
				if failure = imp.file(file, rejects[i]); failure != nil {
					failure = fmt.Errorf("%s: %w", file, failure)
					break
				}
			}
			imp.summary.Seconds = time.Since(started).Round(time.Millisecond).Seconds()
			if imp.sent && failure != nil {
				failure = fmt.Errorf("%w (what was recorded stays; the same command goes on from here)", failure)
			}
			if imp.summary.Rows > 0 || failure == nil {
				failure = errors.Join(failure, imp.summary.print(cmd.OutOrStdout(), f))
			}
			if failure == nil && imp.summary.RejectsFile != nil {
				return &exitError{code: exitRefused}
			}
			return failure
		},
	}
	at.flags(cmd.Flags())
	formatFlag(cmd.Flags(), &formatName, allowed...)
	cmd.Flags().StringVar(&mappingFile, "mapping", "", "your own mapping (YAML); docs/import.md teaches the format")
	cmd.Flags().StringVar(&rejectsPath, "rejects", "", "file for the rows that were not taken (default: FILE.rejects.csv here)")
	return cmd
}

// chooseMapping reads the arguments: a format and files, or only files when --mapping says how to read them. A nil mapping
// means CloudEvents.
func chooseMapping(args []string, mappingFile string) (*mapping.Mapping, []string, error) {
	kind, files := args[0], args[1:]
	if mappingFile != "" {
		if kind != "csv" {
			files = args
		}
		f, err := os.Open(mappingFile)
		if err != nil {
			return nil, nil, err
		}
		defer f.Close()
		m, err := mapping.Load(f)
		if err != nil {
			return nil, nil, usage(fmt.Errorf("%s: %w", mappingFile, err))
		}
		return m, files, needFiles(files)
	}
	switch kind {
	case "cloudevents":
		return nil, files, needFiles(files)
	case "csv":
		return nil, nil, usage(errors.New("csv needs --mapping M.yaml; docs/import.md teaches the format"))
	}
	m, err := mapping.Builtin(kind)
	if err != nil {
		return nil, nil, usage(err)
	}
	return m, files, needFiles(files)
}

func needFiles(files []string) error {
	if len(files) == 0 {
		return usage(errors.New("no files to import"))
	}
	return nil
}

// importSummary is what an import did.
type importSummary struct {
	Rows        int     `json:"rows"`
	Recorded    int     `json:"recorded"`     // events
	Duplicates  int     `json:"duplicates"`   // events that were recorded before, the changed ones among them
	Refused     int     `json:"refused"`      // rows that gave no event, or of which an event was refused
	RejectsFile *string `json:"rejects_file"` // null when every row was taken as it is; of several files, comma-separated
	Changed     int     `json:"changed"`      // events whose id was recorded before with other data: nothing was added
	Seconds     float64 `json:"seconds"`
}

func (s importSummary) print(out io.Writer, f format) error {
	if f == formatJSON {
		data, err := json.Marshal(s)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s\n", data)
		return err
	}
	_, err := fmt.Fprintf(out, "%d rows: %d events recorded, %d duplicates (%d of them with other data), %d rows refused, %.1f s\n",
		s.Rows, s.Recorded, s.Duplicates, s.Changed, s.Refused, s.Seconds)
	if err == nil && s.RejectsFile != nil {
		_, err = fmt.Fprintf(out, "the rows that were not taken and the reasons are in %s\n", *s.RejectsFile)
	}
	return err
}

// importer sends the events of files, batch by batch, and keeps the rows that were not taken.
type importer struct {
	client  *client
	cmd     commandContext
	mapping *mapping.Mapping // nil: the files are CloudEvents
	rejects *rejectsFile     // of the file under way
	sent    bool             // something was sent to the ledger
	summary importSummary
}

func (imp *importer) file(path string, rejects *rejectsFile) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	imp.rejects = rejects
	defer func() {
		written, failed := rejects.finish(err == nil)
		err = errors.Join(err, failed)
		if !written {
			return
		}
		names := rejects.path
		if imp.summary.RejectsFile != nil {
			names = *imp.summary.RejectsFile + "," + names
		}
		imp.summary.RejectsFile = &names
	}()
	if imp.mapping == nil {
		return imp.cloudEvents(f)
	}
	return imp.rows(f)
}

// importBatchRows is a share of a file under way: its rows, their events, and which row each event is of.
type importBatchRows struct {
	rows   []*importRow
	events [][]byte
	owners []*importRow
}

type importRow struct {
	row     mapping.Row
	refused bool     // it, or an event of it
	reasons []string // why it, or an event of it, was not taken
}

// rows imports a file of rows. Mapping the next batch goes on while the ledger works on this one.
func (imp *importer) rows(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	reader, err := imp.mapping.Open(f)
	var header *mapping.HeaderError
	if errors.As(err, &header) {
		return usage(err)
	}
	if err != nil {
		return err
	}
	imp.rejects.header = reader.Header()
	bar := progress(info.Size(), filepath.Base(f.Name()))
	defer bar.Finish()

	ctx, stop := context.WithCancel(imp.cmd.Context())
	defer stop()
	batches := make(chan *importBatchRows, 1)
	mapped := make(chan error, 1)
	go func() {
		defer close(batches)
		mapped <- mapRows(ctx, reader, batches)
	}()
	for b := range batches {
		if err := imp.batch(ctx, b); err != nil {
			return err
		}
		if n := len(b.rows); n > 0 {
			_ = bar.Set64(b.rows[n-1].row.Offset)
		}
	}
	return <-mapped
}

// mapRows cuts the file into batches.
func mapRows(ctx context.Context, reader *mapping.Reader, batches chan<- *importBatchRows) error {
	b := &importBatchRows{}
	send := func() error {
		select {
		case batches <- b:
			b = &importBatchRows{}
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for row, err := range reader.Rows() {
		if err != nil {
			return errors.Join(send(), err)
		}
		r := &importRow{row: row}
		b.rows = append(b.rows, r)
		if row.Err != nil {
			r.refused, r.reasons = true, append(r.reasons, row.Err.Error())
		}
		for _, event := range row.Events {
			b.events, b.owners = append(b.events, event), append(b.owners, r)
		}
		if len(b.events) >= importBatch || len(b.rows) >= importBatch {
			if err := send(); err != nil {
				return err
			}
		}
	}
	return send()
}

// batch records one batch and keeps its rows that were not taken.
func (imp *importer) batch(ctx context.Context, b *importBatchRows) error {
	answered := 0
	if len(b.events) > 0 {
		imp.sent = true
		body := bytes.NewReader(bytes.Join(b.events, []byte("\n")))
		resp, err := imp.client.do(ctx, http.MethodPost, "/v1/events", nil, "", typeLines, body)
		if err != nil {
			return err
		}
		err = imp.receipts(resp, func(r receipt) error {
			if answered < len(b.owners) && r.Problem != nil {
				owner := b.owners[answered]
				owner.refused = owner.refused || r.Status == "refused"
				owner.reasons = append(owner.reasons, r.Problem.Error())
			}
			answered++
			return nil
		})
		if err != nil {
			return err
		}
	}
	if answered != len(b.events) {
		return fmt.Errorf("%d receipts for %d events", answered, len(b.events))
	}
	for _, r := range b.rows {
		imp.summary.Rows++
		if len(r.reasons) == 0 {
			continue
		}
		if r.refused {
			imp.summary.Refused++
		}
		if err := imp.rejects.add(r.row, strings.Join(r.reasons, "; ")); err != nil {
			return err
		}
	}
	return nil
}

// receipts counts the receipts.
func (imp *importer) receipts(resp *http.Response, each func(receipt) error) error {
	defer resp.Body.Close()
	return eachReceipt(resp.Body, func(_ []byte, r receipt) error {
		switch r.Status {
		case "recorded":
			imp.summary.Recorded++
		case "duplicate":
			imp.summary.Duplicates++
			if r.Problem != nil {
				imp.summary.Changed++
			}
		}
		return each(r)
	})
}

// cloudEvents imports a file that is in the ledger's own format already. A row is an event; one that was not taken is kept by
// its number, its id and the reason.
func (imp *importer) cloudEvents(f *os.File) error {
	imp.rejects.header = []string{"id"}
	resp, err := imp.client.recordEvents(imp.cmd.Context(), f)
	if err != nil {
		return err
	}
	return imp.receipts(resp, func(r receipt) error {
		imp.sent = true
		imp.summary.Rows++
		if r.Problem == nil {
			return nil
		}
		if r.Status == "refused" {
			imp.summary.Refused++
		}
		return imp.rejects.add(mapping.Row{Number: imp.summary.Rows, Fields: []string{r.ID}}, r.Problem.Error())
	})
}
