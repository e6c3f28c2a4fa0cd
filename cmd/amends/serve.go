package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

func newServe() *cobra.Command {
	var data, listen, logLevel string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the ledger's API",
		Long: `Serve the ledger's API over HTTP, on this machine only unless told otherwise. GET /openapi.json describes it.

The first interrupt lets requests under way finish; the second stops at once. Nothing that was acknowledged is lost either
way.`,
		Example: `  amends serve --data /var/lib/amends --listen 127.0.0.1:8080`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			level, err := zerolog.ParseLevel(logLevel)
			if err != nil || level == zerolog.NoLevel {
				return usage(fmt.Errorf("--log-level %q is not one of debug, info, warn, error, disabled", logLevel))
			}
			log := zerolog.New(cmd.ErrOrStderr()).Level(level).With().Timestamp().Logger()
			e, err := openEngine(cmd.Context(), data, log)
			if err != nil {
				return err
			}
			return errors.Join(e.serve(cmd.Context(), listen, func(url string) {
				log.Info().Str("url", url).Str("data", data).Msg("serving")
			}), e.Close())
		},
	}
	cmd.Flags().StringVar(&data, "data", defaultData(), "directory of the embedded ledger")
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "address to listen on")
	cmd.Flags().StringVar(&logLevel, "log-level", "info", "what is logged to standard error: debug, info, warn, error, disabled")
	return cmd
}

// shutdownGrace is how long requests under way may take to finish once the ledger was told to stop.
const shutdownGrace = 20 * time.Second

// serve answers until ctx ends, then lets what is under way finish. ready is told the URL once the port is open.
func (e *engine) serve(ctx context.Context, listen string, ready func(url string)) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("%w; choose another address with --listen", err)
	}
	url := "http://" + listener.Addr().String()
	if err := e.store.Announce(url); err != nil {
		return errors.Join(err, listener.Close())
	}
	// Requests end with the server, not with the signal; open streams are told by requests' own contexts.
	requests, endRequests := context.WithCancel(context.WithoutCancel(ctx))
	defer endRequests()
	server := &http.Server{
		Handler:           e.handler,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return requests },
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	ready(url)
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	// Subscriptions never finish by themselves; they are cut after a moment and resume elsewhere from their position.
	soon := time.AfterFunc(2*time.Second, endRequests)
	defer soon.Stop()
	if err := server.Shutdown(grace); err != nil {
		return errors.Join(err, server.Close())
	}
	return nil
}

func newDemo() *cobra.Command {
	var data, listen, until string
	var seed int64
	var customers int
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "An embedded ledger with sample histories, its API on 127.0.0.1:8080",
		Long: `Fill a ledger with the histories of a few hundred invented customers over two years (calls, mails, complaints handled well
and badly, broken promises, surveys, silence, departures), and serve it. The histories end today, so that scores, which are
of today, are not about the silence since; the same seed and --until give the same histories. Without --data the ledger is in
a temporary directory and is gone afterwards; with it, a ledger that has histories already is served as it is, unless --until
is given.`,
		Example: `  amends demo
  amends demo --data ./demo --customers 50 --seed 7`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			end := time.Now().UTC().Truncate(24 * time.Hour)
			if until != "" {
				if end, err = time.Parse(time.DateOnly, until); err != nil || end.After(time.Now()) {
					return usage(fmt.Errorf("--until %q is not a date up to today, such as 2026-06-30", until))
				}
			}
			if data == "" {
				if data, err = os.MkdirTemp("", "amends-demo-"); err != nil {
					return err
				}
				defer func() { err = errors.Join(err, os.RemoveAll(data)) }()
			}
			e, err := openEngine(cmd.Context(), data, zerolog.Nop())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, e.Close()) }()
			had, err := e.store.End(cmd.Context())
			if err != nil {
				return err
			}
			summary := fmt.Sprintf("the ledger in %s has %d events already; nothing is added (--until DATE would)", data, had)
			if had == 0 || until != "" {
				if summary, err = e.fillDemo(cmd.Context(), seed, customers, end); err != nil {
					return err
				}
			}
			out := cmd.OutOrStdout()
			fmt.Fprintln(out, summary)
			return e.serve(cmd.Context(), listen, func(url string) {
				fmt.Fprintf(out, `
Serving on %[1]s (stop with Ctrl-C). In another terminal:

  %[2]s query churn_risk --server %[1]s --order -points --limit 10
  %[2]s sql --server %[1]s 'select state, count(*) as complaints from complaints group by state'
  %[2]s subscribe --server %[1]s --type 'complaint.*'
  curl %[1]s/v1/complaints
`, url, called(os.Args[0]))
			})
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "keep the demo ledger in this directory (default: a temporary one)")
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "address to listen on")
	cmd.Flags().StringVar(&until, "until", "", "date at whose beginning (UTC) the histories end (default: today)")
	cmd.Flags().Int64Var(&seed, "seed", 1, "which histories to invent")
	cmd.Flags().IntVar(&customers, "customers", 300, "how many customers to invent")
	return cmd
}

// called is how this program is called in another terminal: as it was here; `go run` calls a file that is gone afterwards.
func called(program string) string {
	if strings.Contains(filepath.ToSlash(program), "/go-build") {
		return "go run ./cmd/amends"
	}
	return program
}
