package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/spf13/pflag"
)

// applyEnvironment gives each flag that was not typed the value of its environment twin: --as-of is AMENDS_AS_OF. What was
// typed wins over the environment, also where two flags exclude each other.
func applyEnvironment(flags *pflag.FlagSet) error {
	data, server := flags.Changed("data"), flags.Changed("server")
	if data && server {
		return errors.New("--data names a ledger of this machine and --server a running one; give one of them")
	}
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		name := "AMENDS_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := os.LookupEnv(name)
		if !ok || f.Changed || f.Name == "help" || f.Name == "server" && data || f.Name == "data" && server {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	})
	return errors.Join(errs...)
}

// place says where the ledger is: in this process, with its log here or elsewhere, or a running server.
type place struct {
	logPlace
	server    string
	token     string
	tokenFile string
	tlsCA     string
}

func (p *place) flags(flags *pflag.FlagSet) {
	p.logPlace.flags(flags, defaultData(), "directory of the embedded ledger")
	flags.StringVar(&p.server, "server", "", "URL of a running ledger, such as http://127.0.0.1:8080 (instead of --data and --store)")
	flags.StringVar(&p.token, "token", "", "key or token for --server; others can see the command line, so set AMENDS_TOKEN or use --token-file")
	flags.StringVar(&p.tokenFile, "token-file", "", "file that holds the key or token for --server")
	flags.StringVar(&p.tlsCA, "tls-ca", "", "PEM file of the authorities to trust with --server (default: the system's)")
}

// defaultData is the user's data directory: $XDG_DATA_HOME/amends, or what the system has in its place.
func defaultData() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return "amends-data"
	}
	switch runtime.GOOS {
	case "windows":
		if dir := os.Getenv("LocalAppData"); dir != "" {
			return filepath.Join(dir, "amends")
		}
	case "darwin":
		return filepath.Join(home, "Library", "Application Support", "amends")
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "amends")
	}
	return filepath.Join(home, ".local", "share", "amends")
}

// format is how rows are printed.
type format string

const (
	formatTable  format = "table"
	formatJSON   format = "json"
	formatNDJSON format = "ndjson"
	formatCSV    format = "csv"
)

// formatFlag adds --format. Its default is a table on a terminal and JSON in a pipe.
func formatFlag(flags *pflag.FlagSet, f *string, allowed ...format) {
	names := make([]string, len(allowed))
	for i, a := range allowed {
		names[i] = string(a)
	}
	flags.StringVar(f, "format", "", strings.Join(names, ", ")+" (default: table on a terminal, json in a pipe)")
}

// chosenFormat resolves --format.
func chosenFormat(name string, allowed ...format) (format, error) {
	if name == "" {
		if isTerminal(os.Stdout) {
			return formatTable, nil
		}
		return formatJSON, nil
	}
	for _, a := range allowed {
		if name == string(a) {
			return a, nil
		}
	}
	return "", usage(fmt.Errorf("--format %s is not one of %v", name, allowed))
}

func isTerminal(f *os.File) bool { return isatty.IsTerminal(f.Fd()) }
