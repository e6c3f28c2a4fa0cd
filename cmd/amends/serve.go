package main

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"amends/web"
)

func newServe() *cobra.Command {
	var at logPlace
	var how serving
	var logLevel string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the ledger's API",
		Long: `Serve the ledger's API over HTTP, on this machine only unless told otherwise. GET /openapi.json describes it.

On a loopback address whoever reaches it is the local user, who is administrator. With --auth, with a provider of tokens, and on
any other address every caller needs an API key (amends access add) or a token, and beyond this machine TLS.

The first interrupt lets requests under way finish; the second stops at once. Nothing that was acknowledged is lost either
way.`,
		Example: `  amends serve --data /var/lib/amends --listen 127.0.0.1:8080
  amends serve --data /var/lib/amends --store 'esdb://db1:2113,db2:2113,db3:2113?tlsCaFile=ca.crt'
  amends serve --listen 0.0.0.0:8443 --tls-cert server.pem --tls-key server.key \
    --oidc-issuer https://login.example.com --oidc-audience amends --oidc-role care-team=handler --oidc-role audit=auditor`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := how.check(); err != nil {
				return err
			}
			level, err := zerolog.ParseLevel(logLevel)
			if err != nil || level == zerolog.NoLevel {
				return usage(fmt.Errorf("--log-level %q is not one of debug, info, warn, error, disabled", logLevel))
			}
			log := zerolog.New(cmd.ErrOrStderr()).Level(level).With().Timestamp().Logger()
			e, err := openEngine(cmd.Context(), at, log)
			if err != nil {
				return err
			}
			return errors.Join(e.serve(cmd.Context(), how, at.data, log, func(url, whoMay string) {
				log.Info().Str("url", url).Str("data", at.data).Str("store", at.kind()).Str("access", whoMay).Msg("serving")
			}), e.Close())
		},
	}
	at.flags(cmd.Flags(), defaultData(), "directory of the embedded ledger")
	how.flags(cmd.Flags())
	cmd.Flags().StringVar(&logLevel, "log-level", "info", "what is logged to standard error: debug, info, warn, error, disabled")
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
	if err := e.store.announce(url); err != nil {
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
	publishing, endPublishing := context.WithCancel(requests)
	defer endPublishing()
	var publisher sync.WaitGroup
	publisher.Go(func() { e.publishCheckpoints(publishing, e.log) })
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
	endPublishing()
	publisher.Wait()
	return e.publishCheckpoint(grace)
}

func newDemo() *cobra.Command {
	var at logPlace
	var listen, until string
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
			if how := (serving{listen: listen}); how.guarded() {
				return usage(fmt.Errorf("--listen %s reaches beyond this machine, and the demo lets anybody in; use amends serve", listen))
			}
			end := time.Now().UTC().Truncate(24 * time.Hour)
			if until != "" {
				if end, err = time.Parse(time.DateOnly, until); err != nil || end.After(time.Now()) {
					return usage(fmt.Errorf("--until %q is not a date up to today, such as 2026-06-30", until))
				}
			}
			if at.data == "" {
				if at.data, err = os.MkdirTemp("", "amends-demo-"); err != nil {
					return err
				}
				defer func() { err = errors.Join(err, os.RemoveAll(at.data)) }()
			}
			log := errorLines(cmd.ErrOrStderr())
			e, err := openEngine(cmd.Context(), at, log)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, e.Close()) }()
			had, err := e.store.End(cmd.Context())
			if err != nil {
				return err
			}
			summary := fmt.Sprintf("the ledger in %s has %d events already; nothing is added (--until DATE would)", at.data, had)
			if had == 0 || until != "" {
				if summary, err = e.fillDemo(cmd.Context(), seed, customers, end); err != nil {
					return err
				}
			}
			out := cmd.OutOrStdout()
			fmt.Fprintln(out, summary)
			how := serving{listen: listen}
			return e.serve(cmd.Context(), how, at.data, log, func(url, whoMay string) {
				fmt.Fprintf(out, `
Serving on %[1]s (stop with Ctrl-C). It %[2]s.
In another terminal:

  %[3]s query churn_risk --server %[1]s --order -points --limit 10
  %[3]s sql --server %[1]s 'select state, count(*) as complaints from complaints group by state'
  %[3]s subscribe --server %[1]s --type 'complaint.*'
  curl %[1]s/v1/complaints
`, url, whoMay, called(os.Args[0]))
			})
		},
	}
	at.flags(cmd.Flags(), "", "keep the demo ledger in this directory (default: a temporary one)")
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "loopback address to listen on")
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
