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
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"filippo.io/torchwood"

	"amends/audit"
	"amends/audit/verifier"
	"amends/eventstore"
	"amends/vault"
	"amends/web"
)

func newVerify() *cobra.Command {
	var at place
	var formatName, bundle, key, known string
	var witnesses []string
	var skipViews, open bool
	allowed := []format{formatTable, formatJSON}
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Verify the whole ledger, or a bundle of evidence offline",
		Long: `Verify the whole ledger: every record against its customer's chain, the sealed copy, the tiles, the signed checkpoints,
every root of the completeness map, every checkpoint that the log itself holds, and the views against a fold of the log. Name the
public key with --key, from a source that whoever runs the ledger does not control, and with --known a checkpoint that you kept:
only so is it found that somebody made the ledger anew, or cut its end off with all that was sealed of it.

With --bundle it verifies a bundle that 'amends evidence' made, offline: it needs the ledger's public key, which must come
from a source that whoever runs the ledger does not control, and nothing else. It says what is proved, what is not, and by
whom it is signed. --open prints the records, one a line, with their personal values opened by the keys in the bundle, and says
elsewhere (on standard error) which values were erased and what is proved.

Exit code 4 when anything differs or is not proved; the first wrong record is named.`,
		Example: `  amends verify
  amends verify --key @ledger.pub --known checkpoint-of-last-year
  amends verify --bundle C-1042.zip --key 'amends.ledger/63b1…+9e7f3a10+AR4…'
  amends verify --bundle C-1042.zip --key @ledger.pub --known checkpoint-of-last-year
  amends verify --bundle C-1042.zip --key @ledger.pub --open > C-1042.ndjson`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := chosenFormat(formatName, allowed...)
			if err != nil {
				return err
			}
			if key, err = textOrFile(key); err != nil {
				return err
			}
			if bundle != "" {
				if open {
					if cmd.Flags().Changed("format") {
						return usage(errors.New("--open prints records, one a line, and takes no --format"))
					}
					return openBundle(cmd.OutOrStdout(), cmd.ErrOrStderr(), bundle, key, known, witnesses)
				}
				return verifyBundle(cmd.OutOrStdout(), f, bundle, key, known, witnesses)
			}
			if len(witnesses) > 0 || open {
				return usage(errors.New("--witness and --open go with --bundle"))
			}
			var checkpoint []byte
			if known != "" {
				if checkpoint, err = os.ReadFile(known); err != nil {
					return err
				}
				if len(checkpoint) == 0 {
					return usage(fmt.Errorf("--known: %s is empty", known))
				}
			}
			c, err := at.connect(cmd.Context())
			if err != nil {
				return unverifiable(err)
			}
			defer c.close()
			return c.verifyLedger(cmd, f, key, checkpoint, skipViews)
		},
	}
	at.flags(cmd.Flags())
	flags := cmd.Flags()
	flags.StringVar(&bundle, "bundle", "", "verify this bundle instead of a ledger; nothing else is read")
	flags.StringVar(&key, "key", "", "the ledger's public key, or @FILE (default for a ledger: the key that it holds)")
	flags.StringVar(&known, "known", "", "file with a signed checkpoint that you hold; the ledger, or the bundle, must extend it")
	flags.StringArrayVar(&witnesses, "witness", nil, "public key of a witness that must have cosigned the bundle's checkpoint (repeatable)")
	flags.BoolVar(&open, "open", false, "with --bundle: print its records, opened by the keys that it holds")
	flags.BoolVar(&skipViews, "skip-views", false, "do not verify the views")
	formatFlag(flags, &formatName, allowed...)
	return cmd
}

// textOrFile is the text itself or, for @FILE, what the file holds.
func textOrFile(text string) (string, error) {
	path, isFile := strings.CutPrefix(text, "@")
	if !isFile {
		return text, nil
	}
	data, err := os.ReadFile(path)
	return strings.TrimSpace(string(data)), err
}

// verifyLedger asks the API for both verifications: of what is sealed, and of the views.
func (c *client) verifyLedger(cmd *cobra.Command, f format, key string, known []byte, skipViews bool) error {
	body, err := json.Marshal(web.VerifyRequest{Key: key, Known: string(known)})
	if err != nil {
		return err
	}
	var result struct {
		audit.Verification
		KeyPinned bool            `json:"key_pinned"` // the public key came from the caller, not from the ledger
		Views     json.RawMessage `json:"views,omitempty"`
	}
	result.KeyPinned = key != ""
	raw, err := c.work(cmd, "/v1/verify", body, "verifying")
	if err != nil {
		return unverifiable(err)
	}
	if err := json.Unmarshal(raw, &result.Verification); err != nil {
		return err
	}
	var views struct {
		Rows        int64 `json:"rows"`
		Differing   int64 `json:"differing"`
		Differences []struct{ View, Key, Column, Live, Rebuilt string }
		SetAside    []string `json:"set_aside"`
	}
	if !skipViews {
		result.Views, err = c.verifyViews(cmd)
		var problem *problemError
		switch {
		case errors.As(err, &problem) && !problem.isUsage() && !problem.isDenied(): // what was found before stands, and this too is a finding
			result.Add(audit.Finding{Part: "views", What: "they cannot be verified: " + problem.Error()})
		case err != nil:
			return fmt.Errorf("verify the views: %w", err)
		default:
			if err := json.Unmarshal(result.Views, &views); err != nil {
				return err
			}
		}
		for _, name := range views.SetAside {
			result.Add(audit.Finding{Part: "views", What: "their file could not be used and was moved aside as " + name +
				"; the views were made anew from the log. Look at it, then remove it"})
		}
	}
	out := bufio.NewWriter(cmd.OutOrStdout())
	if f == formatJSON {
		if err := json.NewEncoder(out).Encode(result); err != nil {
			return err
		}
	} else {
		v := result.Verification
		fmt.Fprintf(out, "public key   %s\nrecords      %d of %d customers, each in its customer's chain\nsealed       %d, under the signed checkpoint\n"+
			"map roots    %d, each made anew\n", v.Key, v.Records, v.Customers, v.Sealed, v.MapRoots)
		if result.Views != nil {
			fmt.Fprintf(out, "views        %d rows compared with a fold of the log\n", views.Rows)
		}
		for _, finding := range v.First {
			fmt.Fprintln(out, "WRONG       ", finding)
		}
		if more := v.Differing - int64(len(v.First)); more > 0 {
			fmt.Fprintf(out, "WRONG        and %d more\n", more)
		}
		for _, d := range views.Differences {
			fmt.Fprintf(out, "WRONG        views: %s %s %s: it has %s, the log gives %s\n", d.View, d.Key, d.Column, d.Live, d.Rebuilt)
		}
		if !result.KeyPinned {
			fmt.Fprintln(out, "NOTE         no key was pinned: whoever made this ledger could have made the key; name it with --key, from a source of your own")
		}
		if v.Differing+views.Differing == 0 {
			fmt.Fprintln(out, "nothing differs")
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if result.Differing+views.Differing > 0 {
		return &exitError{code: exitDiffers}
	}
	return nil
}

const pathVerifyViews = "/v1/verify/views"

// verifyViews compares the views with a fold of the log, once they are there: a restored ledger makes them first.
func (c *client) verifyViews(cmd *cobra.Command) (json.RawMessage, error) {
	for {
		raw, err := c.work(cmd, pathVerifyViews, []byte(`{}`), "verifying views")
		var problem *problemError
		if !errors.As(err, &problem) || problem.Type != "urn:amends:problem:already-building" && problem.Type != problemViewsOutdated {
			return raw, err
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-cmd.Context().Done():
			return nil, cmd.Context().Err()
		}
	}
}

// work asks for long work, shows its progress and returns its result.
func (c *client) work(cmd *cobra.Command, path string, body []byte, what string) (json.RawMessage, error) {
	resp, err := c.do(cmd.Context(), http.MethodPost, path, nil, "application/x-ndjson", "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	bar := progress(-1, what)
	defer func() { _ = bar.Finish() }()
	for lines := json.NewDecoder(resp.Body); ; {
		var line struct {
			Done    int64           `json:"done"`
			Total   int64           `json:"total"`
			Result  json.RawMessage `json:"result"`
			Problem *problemError   `json:"problem"`
		}
		if err := lines.Decode(&line); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("the answer broke off: %w", err)
		}
		switch {
		case line.Problem != nil:
			return nil, line.Problem
		case line.Result != nil:
			return line.Result, nil
		}
		bar.ChangeMax64(line.Total)
		_ = bar.Set64(line.Done)
	}
}

// verifyBundle checks a bundle and says in plain words what it proves.
func verifyBundle(out io.Writer, f format, path, key, known string, witnesses []string) error {
	report, keys, err := checkBundle(path, key, known, witnesses)
	if err != nil {
		return err
	}
	if f == formatJSON {
		shown := struct {
			*verifier.Report
			Keys *int `json:"keys,omitempty"` // that the bundle holds; absent: it holds none and was not to
		}{Report: report}
		if keys != nil {
			n := keys.Len()
			shown.Keys = &n
		}
		return json.NewEncoder(out).Encode(shown)
	}
	_, err = io.WriteString(out, report.Text()+keysText(keys))
	return err
}

// checkBundle checks a bundle, and the keys in it.
func checkBundle(path, key, known string, witnesses []string) (_ *verifier.Report, _ *vault.Keyring, err error) {
	if key == "" {
		return nil, nil, usage(errors.New("--bundle needs --key: the ledger's public key, from a source that its operator does not control"))
	}
	var o verifier.Options
	if o.Key, err = verifier.ParseKey(key); err != nil {
		return nil, nil, usage(err)
	}
	if known != "" {
		if o.Known, err = os.ReadFile(known); err != nil {
			return nil, nil, err
		}
	}
	for _, text := range witnesses {
		w, err := torchwood.NewCosignatureVerifier(text)
		if err != nil {
			return nil, nil, usage(fmt.Errorf("--witness: %w", err))
		}
		o.Witnesses = append(o.Witnesses, note.Verifier(w))
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, nil, err
	}
	report, err := verifier.Check(file, info.Size(), o)
	if err != nil {
		return nil, nil, &exitError{code: exitDiffers, cause: fmt.Errorf("nothing is proved: %w", err)}
	}
	keys, err := bundledKeys(report)
	if err != nil {
		return nil, nil, &exitError{code: exitDiffers, cause: err}
	}
	return report, keys, nil
}

// unverifiable makes a log that is too damaged to be opened, or to be read, a finding.
func unverifiable(err error) error {
	var problem *problemError
	if errors.Is(err, eventstore.ErrDamaged) || errors.As(err, &problem) && problem.Type == problemLogDamaged {
		return &exitError{code: exitDiffers, cause: err}
	}
	return err
}
