package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
)

// disclosure is the API's answer, as far as the document shows it.
type disclosure struct {
	Customer    string    `json:"customer_id"`
	MadeAt      time.Time `json:"made_at"`
	Customers   []string  `json:"customer_ids"`
	ErasedCount int       `json:"erased_values"`
	Records     []struct {
		Title    string          `json:"title"`
		Time     time.Time       `json:"time"`
		Recorded time.Time       `json:"recordedtime"`
		Source   string          `json:"source"`
		Data     json.RawMessage `json:"data"`
	} `json:"records"`
	Accesses []struct {
		At      time.Time `json:"at"`
		Purpose string    `json:"purpose"`
		Scope   string    `json:"scope"`
	} `json:"accesses"`
	Retention []struct {
		Class string `json:"class"`
		Years int    `json:"years"`
		Basis string `json:"basis"`
	} `json:"retention"`
}

func newDisclose() *cobra.Command {
	var at place
	var dir, purpose string
	cmd := &cobra.Command{
		Use:   "disclose CUSTOMER",
		Short: "A person's own data (GDPR article 15): a document to read, and JSON",
		Long: `Gather a person's own data: every record, those of merged customers included, with the personal values opened, how long they
are kept, and when they were looked at and what for. Members of staff are not named. Writes disclosure.html and
disclosure.json, readable by you alone; the disclosure is itself recorded as an access.`,
		Example: `  amends disclose C-1042 -o ./C-1042`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := at.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			var d disclosure
			raw, err := c.postJSON(cmd.Context(), "/v1/customers/"+url.PathEscape(args[0])+"/disclosure", url.Values{"purpose": {purpose}}, nil, &d)
			if err != nil {
				return err
			}
			if dir == "" {
				dir = "disclosure-" + d.Customer
			}
			if err := d.write(dir, raw); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d records and %d accesses in %s and %s\n", len(d.Records), len(d.Accesses),
				filepath.Join(dir, "disclosure.html"), filepath.Join(dir, "disclosure.json"))
			return err
		},
	}
	at.flags(cmd.Flags())
	cmd.Flags().StringVarP(&dir, "output", "o", "", "directory to write to (default: disclosure-CUSTOMER)")
	cmd.Flags().StringVar(&purpose, "purpose", "subject access request", "what for; recorded, so without personal data")
	return cmd
}

//go:embed disclosure.html.tmpl
var disclosureText string

var disclosureDocument = template.Must(template.New("disclosure").Funcs(template.FuncMap{
	"date":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") },
	"words":  func(name string) string { return strings.ReplaceAll(name, "_", " ") },
	"fields": disclosedFields,
}).Parse(disclosureText))

// write makes the two files; one that is there already is not touched.
func (d *disclosure) write(dir string, raw []byte) error {
	var page, pretty bytes.Buffer
	if err := disclosureDocument.Execute(&page, d); err != nil {
		return err
	}
	if err := json.Indent(&pretty, raw, "", "  "); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return errors.Join(writeNew(filepath.Join(dir, "disclosure.html"), page.Bytes()), writeNew(filepath.Join(dir, "disclosure.json"), pretty.Bytes()))
}

func writeNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; choose another directory with -o", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// disclosedField is one line of a record in the document.
type disclosedField struct{ Name, Value string }

// disclosedFields are the members of a payload in their order; nested values keep their JSON form.
func disclosedFields(data json.RawMessage) ([]disclosedField, error) {
	names, values, err := decodeRow(jsontext.NewDecoder(bytes.NewReader(data)))
	if err != nil {
		return nil, errors.New("a record cannot be shown")
	}
	out := make([]disclosedField, len(names))
	for i, name := range names {
		out[i] = disclosedField{name, fmt.Sprint(values[i])}
	}
	return out, nil
}
