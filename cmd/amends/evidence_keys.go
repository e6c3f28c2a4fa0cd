package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"amends/audit/verifier"
	"amends/domain"
	"amends/schemas"
	"amends/vault"
)

// bundledKeys are the keys in a bundle, each the one that its id commits to; nil if it holds none.
func bundledKeys(report *verifier.Report) (*vault.Keyring, error) {
	text := report.Keys()
	if text == nil {
		return nil, nil
	}
	keys, err := vault.ParseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", verifier.FileKeys, err)
	}
	return keys, nil
}

// eraseDestroyed lets what the erasures among the records destroyed count as erased. Erasures come after what they erase.
func eraseDestroyed(codec *schemas.Codec, keys *vault.Keyring, records [][]byte) error {
	for _, record := range records {
		event, err := codec.Decode(record)
		if err != nil {
			return err
		}
		completed, ok := event.Data.(*domain.ErasureCompleted)
		if !ok {
			continue
		}
		for _, destroyed := range completed.Keys {
			id, err := vault.ParseKeyID(destroyed.KeyID)
			if err != nil {
				return fmt.Errorf("revision %d of customer %s: %w", event.Revision, event.Customer, err)
			}
			keys.Erase(id)
		}
	}
	return nil
}

// keysText says of the keys in a bundle what they are good for.
func keysText(keys *vault.Keyring) string {
	if keys == nil {
		return ""
	}
	return fmt.Sprintf("\nThe bundle holds %d %s that open sealed values, each the one that its id in the records commits to; --open shows them.\n",
		keys.Len(), plural(keys.Len(), "key"))
}

// openBundle checks a bundle and prints its records as NDJSON, opened by its keys. notes gets what is proved, and which values
// were not opened.
func openBundle(out, notes io.Writer, path, key, known string, witnesses []string) error {
	report, keys, err := checkBundle(path, key, known, witnesses)
	if err != nil {
		return err
	}
	if keys == nil {
		return errors.New("the bundle holds no keys; 'amends evidence CUSTOMER --with-keys' makes one that does")
	}
	codec, err := schemas.New()
	if err != nil {
		return err
	}
	if err := eraseDestroyed(codec, keys, report.Records()); err != nil {
		return err
	}
	var unopened []string
	lines := bufio.NewWriter(out)
	for _, record := range report.Records() {
		opened, fields, err := codec.OpenWith(keys, record)
		if err != nil {
			return &exitError{code: exitDiffers, cause: err}
		}
		for _, f := range fields {
			if why := whyUnopened(f); why != "" {
				r, err := verifier.ParseRecord(record)
				if err != nil {
					return err
				}
				unopened = append(unopened, fmt.Sprintf("customer %s, revision %d, %s (%s): %s\n", r.Stream, r.Revision, f.Pointer, f.Class, why))
			}
		}
		if _, err := fmt.Fprintf(lines, "%s\n", opened); err != nil {
			return err
		}
	}
	if err := lines.Flush(); err != nil {
		return err
	}
	for _, text := range append([]string{report.Text(), "\n"}, unopened...) {
		if _, err := io.WriteString(notes, text); err != nil {
			return err
		}
	}
	return nil
}

// whyUnopened says why a value stays closed; empty: it does not.
func whyUnopened(f schemas.SealedField) string {
	switch {
	case f.Erased:
		return "erased"
	case f.Missing:
		return "the bundle does not hold its key"
	}
	return ""
}
