// Command amends is the ledger on the command line: it serves the API, and it is that API's client.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the release build (-ldflags "-X main.version=...").
var version = "dev"

// The exit codes, as documented in the README.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitRefused = 3 // done, but some records were refused
	exitDiffers = 4 // a verification found a difference
)

// exitError carries an exit code up to main. A nil cause means that everything was said already.
type exitError struct {
	code  int
	cause error
}

func (e *exitError) Error() string {
	if e.cause == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.cause.Error()
}
func (e *exitError) Unwrap() error { return e.cause }

func main() { os.Exit(run(os.Args[1:])) }

// run is main without the exit, so that what it defers is done before the process ends.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal stops at once

	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	var exit *exitError
	code := exitFailed
	if errors.As(err, &exit) {
		code = exit.code
		if exit.cause == nil {
			return code
		}
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "amends: interrupted")
		return exitFailed
	}
	fmt.Fprintln(os.Stderr, "amends:", err)
	return code
}

// usage marks an error as the caller's.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{code: exitUsage, cause: err}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "amends",
		Short: "An event-sourced ledger of everything that passes between a company and its customers, above all complaints.",
		Long: `An event-sourced ledger of everything that passes between a company and its customers, above all complaints.

Each verb works on an embedded ledger (--data DIR; --store URL puts its log on a server) or on a running one (--server
URL). Every flag has an environment twin: --data is AMENDS_DATA, --store is AMENDS_STORE, --server is AMENDS_SERVER.
What is typed wins over the environment.

Exit codes: 0 done; 1 failed; 2 wrong usage; 3 done, but some records were refused; 4 a check found a difference.`,
		Example: `  amends demo                                   a ledger with sample histories, API on 127.0.0.1:8080
  amends record complaint.json                  record what happened
  amends replay C-1042 --as-of 2026-03-31       what had happened by then
  amends query complaints --where state=paused  where complaints stand`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,

		SuggestionsMinimumDistance: 2,

		Args: knownVerb,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(fmt.Errorf("%w; see %s --help", err, cmd.CommandPath()))
	})
	root.AddCommand(
		newDemo(), newServe(), newImport(), newRecord(), newReplay(), newQuery(), newViews(), newSQL(),
		newRebuild(), newStatus(), newSubscribe(), newFit(), newRisk(), newReport(), newCopy(), newBench(), newAccess(), newWork(), newPolicies(),
		newFind(), newDisclose(), newErase(), newHold(), newKeys(),
		newVerify(), newEvidence(), newProof(), newBackup(), newRestore(),
	)
	prepare(root)
	return root
}

// prepare gives every verb its environment twins, and marks wrong arguments as wrong usage.
func prepare(parent *cobra.Command) {
	for _, cmd := range parent.Commands() {
		prepare(cmd)
		cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return usage(applyEnvironment(cmd.Flags())) }
		if args := cmd.Args; args != nil {
			cmd.Args = func(cmd *cobra.Command, a []string) error {
				if err := args(cmd, a); err != nil {
					return usage(fmt.Errorf("%w; see %s --help", err, cmd.CommandPath()))
				}
				return nil
			}
		}
	}
}

// knownVerb refuses what is left over when no verb was found.
func knownVerb(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if near := root.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return usage(fmt.Errorf("there is no verb %q%s; see amends --help", args[0], hint))
}
