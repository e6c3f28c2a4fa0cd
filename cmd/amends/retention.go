package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-json-experiment/json"

	"amends/audit"
	"amends/domain"
)

// readRetention reads retention.json of the data directory: for how many years from the receipt of a complaint which records
// must be kept. Without the file the default of the domain holds. It lies with the data, so that every verb and every start
// goes by the same rules.
func readRetention(dir string) (domain.Retention, error) {
	path := filepath.Join(dir, audit.RetentionFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return domain.DefaultRetention(), nil
	}
	if err != nil {
		return nil, err
	}
	rules := domain.Retention{}
	if err := json.Unmarshal(text, &rules, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for i, rule := range rules {
		switch {
		case !slices.Contains(domain.RetentionClasses(), rule.Class):
			return nil, fmt.Errorf("%s: rule %d: class %q is none of %v", path, i+1, rule.Class, domain.RetentionClasses())
		case rule.Years < 1 || rule.Years > 100:
			return nil, fmt.Errorf("%s: rule %d: years must be 1 to 100, but is %d", path, i+1, rule.Years)
		case rule.Basis == "" || len(rule.Basis) > 4000: // it goes into records, whose texts end there
			return nil, fmt.Errorf("%s: rule %d: basis must say by which rule, in at most 4000 bytes", path, i+1)
		}
	}
	return rules, nil
}
