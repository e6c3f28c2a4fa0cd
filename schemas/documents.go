package schemas

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed events
var files embed.FS

// schemaPrefix begins the $id of every schema; for an event schema it is followed by the type, a colon and the version.
const schemaPrefix = "urn:amends:schema:"

// documents are the embedded schema files by their $id.
type documents struct {
	raw    map[string][]byte
	parsed map[string]map[string]any
	order  map[string]int // the place of each object member (urn:…#/properties/…) in its file
}

func loadDocuments() (*documents, error) {
	d := &documents{raw: make(map[string][]byte), parsed: make(map[string]map[string]any), order: make(map[string]int)}
	err := fs.WalkDir(files, "events", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		doc, ok := value.(map[string]any)
		id, _ := doc["$id"].(string)
		if !ok || !strings.HasPrefix(id, schemaPrefix) {
			return fmt.Errorf("%s: no $id that begins with %s", path, schemaPrefix)
		}
		if _, taken := d.raw[id]; taken {
			return fmt.Errorf("%s: a second schema with the $id %s", path, id)
		}
		d.raw[id], d.parsed[id] = raw, doc
		return d.readOrder(id)
	})
	if err != nil {
		return nil, fmt.Errorf("schemas: %w", err)
	}
	return d, nil
}

// readOrder notes the order in which a file gives its members: fields are shown in that order.
func (d *documents) readOrder(id string) error {
	dec := jsontext.NewDecoder(bytes.NewReader(d.raw[id]))
	for {
		token, err := dec.ReadToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		// What was just read is a name when its object now holds one name more than it holds values.
		if kind, count := dec.StackIndex(dec.StackDepth()); token.Kind() == '"' && kind == '{' && count%2 == 1 {
			d.order[id+"#"+string(dec.StackPointer())] = len(d.order)
		}
	}
}

// at is the schema object at a location such as urn:amends:schema:codes#/$defs/tier.
func (d *documents) at(location string) (map[string]any, error) {
	id, pointer, _ := strings.Cut(location, "#")
	doc, ok := d.parsed[id]
	if !ok {
		return nil, fmt.Errorf("no schema %s", id)
	}
	var here any = doc
	for _, token := range strings.Split(pointer, "/")[1:] {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		switch v := here.(type) {
		case map[string]any:
			here = v[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(v) {
				return nil, fmt.Errorf("nothing at %s", location)
			}
			here = v[i]
		default:
			return nil, fmt.Errorf("nothing at %s", location)
		}
	}
	object, ok := here.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("no schema at %s", location)
	}
	return object, nil
}

// split takes the $id of an event schema apart; ok is false for one of the shared files.
func split(id string) (eventType string, version int, ok bool) {
	rest, found := strings.CutPrefix(id, schemaPrefix)
	name, digits, colon := strings.Cut(rest, ":")
	if !found || !colon {
		return "", 0, false
	}
	version, err := strconv.Atoi(digits)
	return name, version, err == nil && version > 0 && strconv.Itoa(version) == digits
}
