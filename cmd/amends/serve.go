package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

func newServe() *cobra.Command {
	var data, listen string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the ledger's API",
		Long: `Serve the ledger's API over HTTP, on this machine only unless told otherwise. GET /openapi.json describes it.

The first interrupt lets requests under way finish; the second stops at once. Nothing that was acknowledged is lost either
way.`,
		Example: `  amends serve --data /var/lib/amends --listen 127.0.0.1:8080`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := zerolog.New(cmd.ErrOrStderr()).With().Timestamp().Logger()
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
	publishing, endPublishing := context.WithCancel(requests)
	defer endPublishing()
	var publisher sync.WaitGroup
	publisher.Go(func() { e.publishCheckpoints(publishing, e.log) })
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
	endPublishing()
	publisher.Wait()
	return e.publishCheckpoint(grace)
}

func newDemo() *cobra.Command {
	var data, listen string
	var seed int64
	var customers int
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "An embedded ledger with sample histories, its API on 127.0.0.1:8080",
		Long: `Fill a ledger with the histories of a few hundred invented customers over two years (calls, mails, complaints handled well
and badly, broken promises, surveys, silence, departures), and serve it. The same seed gives the same histories. Without
--data the ledger is in a temporary directory and is gone afterwards.`,
		Example: `  amends demo
  amends demo --data ./demo --customers 50 --seed 7`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
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
			summary, err := e.fillDemo(cmd.Context(), seed, customers)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			fmt.Fprintln(out, summary)
			return e.serve(cmd.Context(), listen, func(url string) {
				fmt.Fprintf(out, `
Serving on %[1]s (stop with Ctrl-C). In another terminal:

  amends query churn_risk --server %[1]s --order -points --limit 10
  amends sql --server %[1]s 'select state, count(*) as complaints from complaints group by state'
  amends subscribe --server %[1]s --type 'complaint.*'
  curl %[1]s/v1/complaints
`, url)
			})
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "keep the demo ledger in this directory (default: a temporary one)")
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "address to listen on")
	cmd.Flags().Int64Var(&seed, "seed", 1, "which histories to invent")
	cmd.Flags().IntVar(&customers, "customers", 300, "how many customers to invent")
	return cmd
}
