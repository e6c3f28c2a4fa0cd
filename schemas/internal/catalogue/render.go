package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"amends/schemas"
)

const intro = `# Events

<!-- Generated from schemas/events by "go generate ./schemas". Edit the schemas, not this page. -->

One record is one [CloudEvents 1.0](https://github.com/cloudevents/spec) event in JSON. This page lists every type of event,
what its payload (` + "`data`" + `) holds, and the codes that may stand there, with their labels in English and Chinese. The JSON
Schemas themselves (draft 2020-12) are in ` + "`schemas/events`" + `; a schema's name is the record's ` + "`dataschema`" + `.

## The record

| attribute | set by | meaning |
|---|---|---|
| ` + "`specversion`" + ` | sender, required | ` + "`\"1.0\"`" + ` |
| ` + "`id`" + ` | sender, or the ledger (UUIDv7) | Sending an id again adds nothing, ever. |
| ` + "`source`" + ` | sender, required | The sending system, as a URI reference. |
| ` + "`type`" + ` | sender, required | One of the types below. |
| ` + "`dataschema`" + ` | sender, or the ledger (the latest) | The schema that the payload obeys. |
| ` + "`subject`" + ` | sender, required | The customer id: 1 to 64 letters, digits, ` + "`_`" + ` or ` + "`-`" + `, and no personal data. |
| ` + "`time`" + ` | sender, or the ledger (the time of recording) | When it happened, RFC 3339; stored in UTC. |
| ` + "`timeaccuracy`" + ` | sender, optional | ` + "`day`, `not_before` or `not_after`" + `; absent: exact. |
| ` + "`recordedtime`" + ` | ledger | When the ledger took it; never goes backwards within a customer. |
| ` + "`revision`" + ` | ledger | The place in the customer's stream, gapless from 1. |
| ` + "`prevhash`" + ` | ledger | SHA-256 of the customer's previous record, in hexadecimal; 64 zeros for the first. |
| ` + "`actor`" + ` | sender, optional | Who did it: an id, never a name. |
| ` + "`correlationid`, `causationid`, `traceparent`" + ` | sender, optional | What it belongs to. |
| ` + "`expectedrevision`" + ` | sender, optional, not stored | The revision that the customer's stream must have before this event. |
| ` + "`datacontenttype`" + ` | sender, optional | ` + "`application/json`" + ` |
| ` + "`data`" + ` | sender, required | The payload, stored as it was sent. |

A record takes at most 65,535 bytes as stored. Unknown attributes and fields are refused; what is the sender's alone goes into
` + "`extra`" + `. In the tables below **personal** names the retention class under whose key a field is sealed. A record as stored:

`

// render makes the page. samples is the folder of the golden samples.
func render(samples string) ([]byte, error) {
	codec, err := schemas.New()
	if err != nil {
		return nil, err
	}
	lists, err := codec.Lists()
	if err != nil {
		return nil, err
	}
	p := &page{samples: samples}
	p.WriteString(intro)
	if err := p.record("complaint.acknowledged"); err != nil {
		return nil, err
	}
	entries := codec.Catalogue()
	p.contents(entries)
	for i, e := range entries {
		if i == 0 || entries[i-1].Type.Family() != e.Type.Family() {
			fmt.Fprintf(p, "## %s\n\n", e.Type.Family())
		}
		if err := p.entry(entries, i); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Schema, err)
		}
	}
	p.lists(lists)
	return p.Bytes(), nil
}

type page struct {
	bytes.Buffer
	samples string
}

func (p *page) contents(entries []schemas.Entry) {
	p.WriteString("## Types\n\n| family | types |\n|---|---|\n")
	family := ""
	for _, e := range entries {
		if !e.Latest {
			continue
		}
		if e.Type.Family() != family {
			if family != "" {
				p.WriteString(" |\n")
			}
			family = e.Type.Family()
			fmt.Fprintf(p, "| %s |", family)
		}
		fmt.Fprintf(p, " [`%s`](#%s)", e.Type, anchor(e))
	}
	p.WriteString(" |\n\n")
}

// anchor is the name under which Markdown viewers find an entry's heading.
func anchor(e schemas.Entry) string {
	return strings.ReplaceAll(heading(e), ".", "")
}

func heading(e schemas.Entry) string {
	if !e.Latest {
		return fmt.Sprintf("%s-version-%d", e.Type, e.Version)
	}
	return string(e.Type)
}

func (p *page) entry(entries []schemas.Entry, i int) error {
	e := entries[i]
	fmt.Fprintf(p, "### %s\n\n%s `%s`\n\n", strings.ReplaceAll(heading(e), "-version-", " version "), e.Description, e.Schema)
	if i > 0 && entries[i-1].Type.Family() == e.Type.Family() && reflect.DeepEqual(entries[i-1].Fields, e.Fields) {
		first := i - 1
		for first > 0 && reflect.DeepEqual(entries[first-1].Fields, e.Fields) {
			first--
		}
		fmt.Fprintf(p, "Fields: as in [`%s`](#%s).\n\n", entries[first].Type, anchor(entries[first]))
	} else {
		p.WriteString("| field | type | required | personal | meaning |\n|---|---|---|---|---|\n")
		p.fields("", e.Fields)
		p.WriteString("\n")
	}
	name := string(e.Type)
	if !e.Latest {
		name = fmt.Sprintf("%s.v%d", e.Type, e.Version)
	}
	return p.payload(name)
}

func (p *page) fields(prefix string, fields []schemas.Field) {
	for _, f := range fields {
		required := ""
		if f.Required {
			required = "yes"
		}
		meaning := f.Description
		if f.Rule != "" && f.Format == "" {
			meaning += " (" + strings.ToUpper(f.Rule[:1]) + f.Rule[1:] + ".)"
		}
		if f.Corrects {
			meaning += " (The corrected schema says what is personal.)"
		}
		fmt.Fprintf(p, "| `%s%s` | %s | %s | %s | %s |\n", prefix, f.Name, typeOf(f), required, f.Personal, strings.ReplaceAll(meaning, "|", `\|`))
		inner := prefix + f.Name + "."
		if f.Type == "array" {
			inner = prefix + f.Name + "[]."
		}
		p.fields(inner, f.Fields)
	}
}

func typeOf(f schemas.Field) string {
	kind := f.Type
	if f.List != "" {
		kind = fmt.Sprintf("[%s](#%s)", f.List, f.List)
	} else if f.Format != "" {
		kind = f.Format
	} else if f.Type == "array" {
		kind = f.Items
	}
	if f.Type == "array" {
		return "list of " + kind
	}
	return kind
}

// record shows a whole stored sample.
func (p *page) record(name string) error {
	stored, err := os.ReadFile(filepath.Join(p.samples, name+".json"))
	if err != nil {
		return err
	}
	return p.json(stored)
}

// payload shows the payload of a stored sample.
func (p *page) payload(name string) error {
	stored, err := os.ReadFile(filepath.Join(p.samples, name+".json"))
	if err != nil {
		return err
	}
	var record struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(stored, &record); err != nil {
		return fmt.Errorf("sample %s: %w", name, err)
	}
	return p.json(record.Data)
}

func (p *page) json(raw []byte) error {
	p.WriteString("```json\n")
	if err := json.Indent(&p.Buffer, bytes.TrimSpace(raw), "", "  "); err != nil {
		return err
	}
	p.WriteString("\n```\n\n")
	return nil
}

func (p *page) lists(lists []schemas.List) {
	p.WriteString("## Codes\n\nCodes are stored; labels are shown.\n\n")
	for i, list := range lists {
		fmt.Fprintf(p, "### %s\n\n%s\n\n| code | English | 中文 |\n|---|---|---|\n", list.Name, list.Description)
		for _, l := range list.Labels {
			fmt.Fprintf(p, "| `%s` | %s | %s |\n", l.Code, l.En, l.Zh)
		}
		if i < len(lists)-1 {
			p.WriteString("\n")
		}
	}
}
