package schemas

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// upcast rewrites a payload of one version as a payload of the next. It is pure, and works on any payload that the older
// schema accepts. What it makes is read and thrown away: the stored record stays as it is.
type upcast func(data []byte) ([]byte, error)

// upcasts hold, for each schema that has a successor, the way to it. An entry is never removed, for records that need it are
// never rewritten.
var upcasts = map[string]upcast{
	// Since version 2 the field has the word that the rules, the views and the people use.
	"urn:amends:schema:complaint.paused:1": rename("waiting_for", "awaiting"),
}

// rename gives one field of the payload another name.
func rename(from, to string) upcast {
	return func(data []byte) ([]byte, error) {
		dec := jsontext.NewDecoder(bytes.NewReader(data))
		var out bytes.Buffer
		enc := jsontext.NewEncoder(&out, jsontext.PreserveRawStrings(true), jsontext.AllowDuplicateNames(true))
		for {
			token, err := dec.ReadToken()
			if err != nil {
				return nil, fmt.Errorf("rename %s to %s: %w", from, to, err)
			}
			// Depth 1 with an odd count: a name of the payload's own, not of something inside it.
			kind, count := dec.StackIndex(dec.StackDepth())
			if isName := kind == '{' && count%2 == 1; isName && dec.StackDepth() == 1 && token.String() == from {
				token = jsontext.String(to)
			}
			if err := enc.WriteToken(token); err != nil {
				return nil, fmt.Errorf("rename %s to %s: %w", from, to, err)
			}
			if dec.StackDepth() == 0 {
				return bytes.TrimSpace(out.Bytes()), nil
			}
		}
	}
}
