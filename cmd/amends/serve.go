package main

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"amends/web"
)

func newServe() *cobra.Command {
	var data string
	var how serving
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the ledger's API",
		Long: `Serve the ledger's API over HTTP, on this machine only unless told otherwise. GET /openapi.json describes it.

On a loopback address whoever reaches it is the local user, who is administrator. With --auth, with a provider of tokens, and on
any other address every caller needs an API key (amends access add) or a token, and beyond this machine TLS.

The first interrupt lets requests under way finish; the second stops at once. Nothing that was acknowledged is lost either
way.`,
		Example: `  amends serve --data /var/lib/amends --listen 127.0.0.1:8080
  amends serve --listen 0.0.0.0:8443 --tls-cert server.pem --tls-key server.key \
    --oidc-issuer https://login.example.com --oidc-audience amends --oidc-role care-team=handler --oidc-role audit=auditor`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := how.check(); err != nil {
				return err
			}
			log := zerolog.New(cmd.ErrOrStderr()).With().Timestamp().Logger()
			e, err := openEngine(cmd.Context(), data, log)
			if err != nil {
				return err
			}
			return errors.Join(e.serve(cmd.Context(), how, data, log, func(url, whoMay string) {
				log.Info().Str("url", url).Str("data", data).Str("access", whoMay).Msg("serving")
			}), e.Close())
		},
	}
	cmd.Flags().StringVar(&data, "data", defaultData(), "directory of the embedded ledger")
	how.flags(cmd.Flags())
	return cmd
}

// shutdownGrace is how long requests under way may take to finish once the ledger was told to stop.
const shutdownGrace = 20 * time.Second

// serve answers until ctx ends, then lets what is under way finish. ready is told the URL, and who is let in, once the port
// is open.
func (e *engine) serve(ctx context.Context, how serving, data string, log zerolog.Logger, ready func(url, whoMay string)) error {
	callers, err := how.callers(ctx, e.keys, data)
	if err != nil {
		return err
	}
	tlsConfig, err := how.tls(log)
	if err != nil {
		return err
	}
	api := e.api
	api.Callers = callers
	listener, err := net.Listen("tcp", how.listen)
	if err != nil {
		return fmt.Errorf("%w; choose another address with --listen", err)
	}
	url := "http://" + listener.Addr().String()
	if tlsConfig != nil {
		url = "https://" + listener.Addr().String()
	}
	if err := e.store.Announce(url); err != nil {
		return errors.Join(err, listener.Close())
	}
	// Requests end with the server, not with the signal; open streams are told by requests' own contexts.
	requests, endRequests := context.WithCancel(context.WithoutCancel(ctx))
	defer endRequests()
	server := &http.Server{
		Handler:           web.New(api),
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig:         tlsConfig,
		ErrorLog:          stdlog.New(log, "", 0),
		BaseContext:       func(net.Listener) context.Context { return requests },
	}
	served := make(chan error, 1)
	go func() {
		if tlsConfig != nil {
			served <- server.ServeTLS(listener, "", "") // the configuration has the certificate
			return
		}
		served <- server.Serve(listener)
	}()
	ready(url, how.whoMay(callers))
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
			if how := (serving{listen: listen}); how.guarded() {
				return usage(fmt.Errorf("--listen %s reaches beyond this machine, and the demo lets anybody in; use amends serve", listen))
			}
			if data == "" {
				if data, err = os.MkdirTemp("", "amends-demo-"); err != nil {
					return err
				}
				defer func() { err = errors.Join(err, os.RemoveAll(data)) }()
			}
			log := errorLines(cmd.ErrOrStderr())
			e, err := openEngine(cmd.Context(), data, log)
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
			how := serving{listen: listen}
			return e.serve(cmd.Context(), how, data, log, func(url, whoMay string) {
				fmt.Fprintf(out, `
Serving on %[1]s (stop with Ctrl-C). It %[2]s.
In another terminal:

  amends query churn_risk --server %[1]s --order -points --limit 10
  amends sql --server %[1]s 'select state, count(*) as complaints from complaints group by state'
  amends subscribe --server %[1]s --type 'complaint.*'
  curl %[1]s/v1/complaints
`, url, whoMay)
			})
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "keep the demo ledger in this directory (default: a temporary one)")
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "loopback address to listen on")
	cmd.Flags().Int64Var(&seed, "seed", 1, "which histories to invent")
	cmd.Flags().IntVar(&customers, "customers", 300, "how many customers to invent")
	return cmd
}
