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
	var mappingFile, rejectsFile, formatName string
	allowed := []format{formatTable, formatJSON}
	cmd := &cobra.Command{
		Use:   "import cfpb|helpdesk|cloudevents|csv FILE…",
		Short: "Import histories from files",
		Long: `Import histories from files. cfpb and helpdesk are mappings that come with Amends; csv takes your own (--mapping M.yaml,
see docs/import.md); cloudevents takes CloudEvents in JSON (one, an array, or NDJSON).

Importing a file again records nothing new, so an import that was interrupted is simply started again. Rows that cannot be
mapped, or that the ledger refuses, go to a rejects file (row number, reason, original row); the exit code is then 3.`,
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
			if rejectsFile != "" && len(files) > 1 {
				return usage(errors.New("--rejects names one file; import several files without it, or one at a time"))
			}
			c, err := at.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			imp := &importer{client: c, cmd: cmd, mapping: m, rejectsPath: rejectsFile}
			started := time.Now()
			for _, file := range files {
				if err := imp.file(file); err != nil {
					return fmt.Errorf("%s: %w (what was recorded stays; the same command goes on from here)", file, err)
				}
			}
			imp.summary.Seconds = time.Since(started).Round(time.Millisecond).Seconds()
			if err := imp.summary.print(cmd.OutOrStdout(), f); err != nil {
				return err
			}
			if imp.summary.Refused > 0 {
				return &exitError{code: exitRefused}
			}
			return nil
		},
	}
	at.flags(cmd.Flags())
	formatFlag(cmd.Flags(), &formatName, allowed...)
	cmd.Flags().StringVar(&mappingFile, "mapping", "", "your own mapping (YAML); docs/import.md teaches the format")
	cmd.Flags().StringVar(&rejectsFile, "rejects", "", "file for the rows that were not taken (default: FILE.rejects.csv here)")
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

// importSummary is what an import did. Refused counts the rows in the rejects file.
type importSummary struct {
	Rows        int     `json:"rows"`
	Recorded    int     `json:"recorded"` // events
	Duplicates  int     `json:"duplicates"`
	Refused     int     `json:"refused"`
	RejectsFile *string `json:"rejects_file"` // null when every row was taken; of several files, comma-separated
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
	_, err := fmt.Fprintf(out, "%d rows: %d events recorded, %d duplicates, %d rows refused, %.1f s\n",
		s.Rows, s.Recorded, s.Duplicates, s.Refused, s.Seconds)
	if err == nil && s.RejectsFile != nil {
		_, err = fmt.Fprintf(out, "the refused rows and the reasons are in %s\n", *s.RejectsFile)
	}
	return err
}

// importer sends the events of files, batch by batch, and keeps the rows that were not taken.
type importer struct {
	client      *client
	cmd         commandContext
	mapping     *mapping.Mapping // nil: the files are CloudEvents
	rejectsPath string           // empty: named after each file
	rejects     *rejectsFile     // of the file under way
	summary     importSummary
}

func (imp *importer) file(path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	rejects := imp.rejectsPath
	if rejects == "" {
		rejects = filepath.Base(path) + ".rejects.csv"
	}
	imp.rejects = &rejectsFile{path: rejects}
	defer func() {
		err = errors.Join(err, imp.rejects.close())
		if imp.rejects.file == nil {
			return
		}
		if imp.summary.RejectsFile != nil {
			rejects = *imp.summary.RejectsFile + "," + rejects
		}
		imp.summary.RejectsFile = &rejects
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
	reasons []string // why it, or an event of it, was not taken
}

// rows imports a file of rows. Mapping the next batch goes on while the ledger works on this one.
func (imp *importer) rows(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	reader, err := imp.mapping.Open(f)
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
			r.reasons = append(r.reasons, row.Err.Error())
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
		body := bytes.NewReader(bytes.Join(b.events, []byte("\n")))
		err := imp.send(ctx, body, "application/x-ndjson", func(r receipt) error {
			if answered < len(b.owners) && r.Status == "refused" {
				b.owners[answered].reasons = append(b.owners[answered].reasons, r.Problem.Error())
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
		imp.summary.Refused++
		if err := imp.rejects.add(r.row, strings.Join(r.reasons, "; ")); err != nil {
			return err
		}
	}
	return nil
}

// send records a body of events and counts the receipts.
func (imp *importer) send(ctx context.Context, body io.Reader, contentType string, each func(receipt) error) error {
	resp, err := imp.client.do(ctx, http.MethodPost, "/v1/events", nil, "", contentType, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return eachReceipt(resp.Body, func(_ []byte, r receipt) error {
		switch r.Status {
		case "recorded":
			imp.summary.Recorded++
		case "duplicate":
			imp.summary.Duplicates++
		}
		return each(r)
	})
}

// cloudEvents imports a file that is in the ledger's own format already. A row is an event; a refused one is kept by its
// number, its id and the reason.
func (imp *importer) cloudEvents(f *os.File) error {
	body, contentType, err := sniff(f)
	if err != nil {
		return err
	}
	imp.rejects.header = []string{"id"}
	return imp.send(imp.cmd.Context(), body, contentType, func(r receipt) error {
		imp.summary.Rows++
		if r.Status != "refused" {
			return nil
		}
		imp.summary.Refused++
		return imp.rejects.add(mapping.Row{Number: imp.summary.Rows, Fields: []string{r.ID}}, r.Problem.Error())
	})
}

// rejectsFile is made when there is a first row to keep, so that an empty one does not suggest that there was.
type rejectsFile struct {
	path   string
	header []string
	file   *os.File
	rows   *mapping.Rejects
}

func (r *rejectsFile) add(row mapping.Row, reason string) error {
	if r.file == nil {
		// The rows are the source's own data: for the user's eyes.
		file, err := os.OpenFile(r.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		r.file, r.rows = file, mapping.NewRejects(file, r.header)
	}
	return r.rows.Add(row, reason)
}

func (r *rejectsFile) close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}
