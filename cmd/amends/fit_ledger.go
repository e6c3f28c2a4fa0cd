package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"amends/domain"
	"amends/fit"
	"amends/schemas"
)

// churnFit is a fit of the ledger's own history. The records come through the API, as to any other reader, and the arithmetic is
// done here: a long fit never weighs on the server.
type churnFit struct {
	output, version     string
	publish, asHappened bool
	horizon             int
	seed                uint64
}

func (l *churnFit) run(cmd *cobra.Command, at place, f format) error {
	if l.horizon < 0 || l.horizon > 3650 {
		return usage(errors.New("--horizon must be 1 to 3650 days"))
	}
	c, err := at.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer c.close()
	histories, last, err := c.histories(cmd)
	if err != nil {
		return err
	}
	if l.version == "" {
		l.version = fmt.Sprintf("fit-%s-%d", last.Recorded.UTC().Format(time.DateOnly), last.Position)
	}
	bar := progress(-1, "replaying")
	weights, report, err := fit.Churn{Version: l.version, HorizonDays: l.horizon, AsHappened: l.asHappened, Seed: l.seed,
		Progress: func(done, total int) { bar.ChangeMax(total); _ = bar.Set(done) }}.Fit(cmd.Context(), histories)
	_ = bar.Finish()
	if report == nil {
		return err
	}
	if shown := l.show(cmd.OutOrStdout(), report, f); shown != nil {
		return shown
	}
	if errors.Is(err, fit.ErrNothingFitted) {
		return fmt.Errorf("%w; the weights in force stay%s", err, l.advice(report))
	}
	if err != nil {
		return err
	}
	if l.output != "" {
		if err := writeWeights(l.output, weights); err != nil {
			return err
		}
	}
	if l.publish {
		return c.publishWeights(cmd, weights)
	}
	return nil
}

// advice is what to try after a refusal.
func (l *churnFit) advice(report *fit.ChurnReport) string {
	rows := 0
	for _, f := range report.Forms {
		rows += f.TrainRows
	}
	if rows == 0 && !l.asHappened {
		return ": if the history was imported, --as-happened takes each record as known when it happened"
	}
	return ""
}

// histories reads the whole log.
func (c *client) histories(cmd *cobra.Command) (*fit.Histories, domain.Event, error) {
	var last domain.Event
	codec, err := schemas.New()
	if err != nil {
		return nil, last, err
	}
	resp, err := c.do(cmd.Context(), get, "/v1/events", url.Values{"after": {"0"}}, "application/x-ndjson", "", nil)
	if err != nil {
		return nil, last, err
	}
	defer resp.Body.Close()
	bar := progress(-1, "reading")
	defer func() { _ = bar.Finish() }()
	histories := &fit.Histories{}
	for dec := jsontext.NewDecoder(resp.Body); ; {
		raw, err := dec.ReadValue()
		if errors.Is(err, io.EOF) {
			return histories, last, nil
		}
		if err != nil {
			return nil, last, fmt.Errorf("the log broke off after position %d: %w", last.Position, err)
		}
		var line struct {
			Position uint64          `json:"position"`
			Event    json.RawMessage `json:"event"`
		}
		if err := json.Unmarshal(raw, &line); err != nil {
			return nil, last, fmt.Errorf("after position %d: not an event: %w", last.Position, err)
		}
		event, err := codec.Decode(line.Event)
		if err != nil {
			return nil, last, fmt.Errorf("position %d: %w", line.Position, err)
		}
		event.Position = line.Position
		histories.Add(event)
		last = event
		_ = bar.Add(1)
	}
}

// publishWeights records the weights in the ledger's own stream. The same weights again add nothing.
func (c *client) publishWeights(cmd *cobra.Command, weights *domain.Weights) error {
	data, err := json.Marshal(weights)
	if err != nil {
		return err
	}
	event, err := json.Marshal(map[string]any{
		"specversion": "1.0", "id": "weights-" + weights.Version, "source": "urn:amends:fit", "type": "weights.published",
		"subject": domain.LedgerStream, "time": time.Now().UTC().Truncate(time.Second).Format(time.RFC3339),
		"data": domain.WeightsPublished{Version: weights.Version, SHA256: weights.SHA256, Weights: data},
	})
	if err != nil {
		return err
	}
	_, r, err := c.recordMade(cmd.Context(), event)
	if err == nil && r.Problem != nil {
		err = r.Problem
	}
	if err != nil {
		return fmt.Errorf("the weights were not published: %w", err)
	}
	fmt.Fprintf(os.Stderr, "amends: weights %s are published at position %d\n", weights.Version, r.Position)
	return c.awaitScores(cmd, weights.Version, r.Position)
}

// awaitScores waits until all customers are scored with the weights; what was done stays done if it is interrupted.
func (c *client) awaitScores(cmd *cobra.Command, version string, position uint64) error {
	bar := progress(-1, "scoring")
	defer func() { _ = bar.Finish() }()
	for {
		resp, err := c.awaitRows(rowsRequest{cmd: cmd, method: get, path: "/v1/views/churn_risk", query: url.Values{
			"where": {"weights_version!=" + version}, "limit": {"1"}, "after": {strconv.FormatUint(position, 10)}}}, accepts[formatJSON])
		if err != nil {
			return err
		}
		var waiting []json.RawMessage
		err = errors.Join(json.NewDecoder(resp.Body).Decode(&waiting), resp.Body.Close())
		if err != nil || len(waiting) == 0 {
			return err
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-cmd.Context().Done():
			return cmd.Context().Err()
		}
	}
}

// writeWeights replaces the file as a whole.
func writeWeights(path string, weights *domain.Weights) error {
	data, err := json.MarshalIndent(weights, "", "  ")
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".amends-weights-*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(append(data, '\n'))
	if err = errors.Join(err, temporary.Chmod(0o644), temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}

// show prints what was learnt.
func (l *churnFit) show(out io.Writer, report *fit.ChurnReport, f format) error {
	if f == formatJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	known := "as recorded by then"
	if l.asHappened {
		known = "taken as known when it happened"
	}
	fmt.Fprintf(out, "%d customers up to position %d, %s\n", report.Customers, report.Position, known)
	for _, form := range report.Forms {
		fmt.Fprintf(out, "\n%s: who leaves within %d days\n", form.Form, form.HorizonDays)
		if len(form.Models) > 0 {
			fmt.Fprintf(out, "learnt from %d rows with %d departures; %d parameters, lambda %g, calibration slope %.2f; judged on %d rows from %s on\n",
				form.TrainRows, form.Departures, form.Parameters, form.Lambda, form.Slope, form.Models[0].Rows, form.SplitAt.Format(time.DateOnly))
			t := figuresTable(out)
			for _, m := range form.Models {
				t.AppendRow(figuresRow(m.Name, m.Figures, &m.Intervals))
			}
			t.Render()
			fmt.Fprintf(out, "AUC above the %s weights': %s to %s\n", form.Models[1].Name,
				strconv.FormatFloat(form.AboveBase.Low, 'f', 3, 64), strconv.FormatFloat(form.AboveBase.High, 'f', 3, 64))
			if err := printDeciles(out, form.Deciles); err != nil {
				return err
			}
		}
		if form.Refused != "" {
			fmt.Fprintf(out, "refused: %s; this form keeps the %s weights\n", form.Refused, report.Base)
		}
	}
	return nil
}
