package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"amends/access"
	"amends/web"
)

func newAccess() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "access",
		Short: "Make, list and revoke API keys; say what each role may do",
		Long: `Make, list and revoke API keys; say what each role may do.

A caller sends its key as "Authorization: Bearer amends_…"; the command line takes it from AMENDS_TOKEN or --token-file. The
ledger keeps only a hash of it. Making a key, revoking one, and asking for either without being an administrator are recorded
in the ledger's own stream.`,
		Example: `  amends access add helpdesk-import --role recorder --source urn:northlight:helpdesk
  amends access list
  amends access revoke 5kq3vd7w2a --reason 'found in a build log'
  amends access roles`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usage(errors.New("say what to do: add, list, revoke or roles; see amends access --help"))
		},
	}
	cmd.AddCommand(newAccessAdd(), newAccessList(), newAccessRevoke(), newAccessRoles())
	return cmd
}

func newAccessAdd() *cobra.Command {
	var at place
	var roles, sources []string
	var expires, formatName string
	allowed := []format{formatTable, formatJSON}
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Make an API key and print it, once",
		Long: `Make an API key and print it, once: it cannot be had again. On a terminal, and with --format table, standard output gets the
key alone, so that it can go straight into a file.

A key without --source speaks for itself only: what it records has the key as its actor. A key with sources belongs to a system
that acts for people: it records under these sources only, and names the people as actors.`,
		Example: `  umask 077; amends access add helpdesk-import --role recorder --source urn:northlight:helpdesk --format table > helpdesk.key
  amends access add bi --role analyst --expires 365d
  amends access add root --role administrator --data /var/lib/amends`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := chosenFormat(formatName, allowed...)
			if err != nil {
				return err
			}
			if len(roles) == 0 {
				return usage(errors.New("say what the key may do with --role; amends access roles lists the roles"))
			}
			for _, role := range roles {
				if _, err := access.ParseRole(role); err != nil {
					return usage(err)
				}
			}
			lifetime, err := parseLifetime(expires)
			if err != nil {
				return usage(err)
			}
			c, err := at.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			var granted web.KeyGranted
			raw, err := c.postJSON(cmd.Context(), "/v1/access/keys", nil, web.KeyRequest{
				Name: args[0], Roles: roles, Sources: sources, LifetimeSeconds: int64(lifetime / time.Second),
			}, &granted)
			if err != nil {
				return err
			}
			if f == formatJSON {
				_, err := cmd.OutOrStdout().Write(raw)
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "Key %s (%s): %s, until %s. It is shown this once:\n", granted.ID, granted.Name,
				strings.Join(roles, ", "), granted.Expires.Format(time.RFC3339))
			_, err = fmt.Fprintln(cmd.OutOrStdout(), granted.Key)
			return err
		},
	}
	at.flags(cmd.Flags())
	formatFlag(cmd.Flags(), &formatName, allowed...)
	cmd.Flags().StringArrayVar(&roles, "role", nil, "what it may do; may be repeated (amends access roles lists the roles)")
	cmd.Flags().StringArrayVar(&sources, "source", nil, "a source that it may record under, naming other actors; may be repeated")
	cmd.Flags().StringVar(&expires, "expires", "90d", "how long it lives, as in 12h or 90d; at most 366d")
	return cmd
}

// parseLifetime reads a duration as time.ParseDuration does, or whole days as in 90d.
func parseLifetime(text string) (time.Duration, error) {
	bad := fmt.Errorf("--expires %q is not a time from 1s to 366d, such as 12h or 90d", text)
	lifetime, err := time.ParseDuration(text)
	if days, found := strings.CutSuffix(text, "d"); found {
		n, dayErr := strconv.Atoi(days)
		if dayErr != nil || n > 366 {
			return 0, bad
		}
		lifetime, err = time.Duration(n)*24*time.Hour, nil
	}
	if err != nil || lifetime < time.Second || lifetime > access.MaxLifetime {
		return 0, bad
	}
	return lifetime, nil
}

func newAccessList() *cobra.Command {
	var at place
	var formatName string
	allowed := []format{formatTable, formatJSON}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the API keys, without their secrets",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := chosenFormat(formatName, allowed...)
			if err != nil {
				return err
			}
			c, err := at.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			keys := []access.APIKey{}
			if err := c.getJSON(cmd.Context(), "/v1/access/keys", nil, &keys); err != nil {
				return err
			}
			if f == formatJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(keys)
			}
			t := newTable(cmd.OutOrStdout())
			t.AppendHeader(table.Row{"key_id", "name", "roles", "sources", "expires_at", "revoked_at", "used_at"})
			for _, k := range keys {
				t.AppendRow(table.Row{k.ID, k.Name, join(k.Roles), join(k.Sources), k.Expires.Format(time.RFC3339), instant(k.Revoked), instant(k.Used)})
			}
			t.Render()
			return nil
		},
	}
	at.flags(cmd.Flags())
	formatFlag(cmd.Flags(), &formatName, allowed...)
	return cmd
}

func join[T ~string](list []T) string {
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = string(v)
	}
	return strings.Join(texts, ", ")
}

// instant shows a time that may not have been.
func instant(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.RFC3339)
}

func newAccessRevoke() *cobra.Command {
	var at place
	var reason string
	cmd := &cobra.Command{
		Use:   "revoke KEY_ID",
		Short: "End an API key at once, with whatever it is doing",
		Long: `End an API key at once: from the answer on it is refused, and what it was doing has ended, subscriptions too. The key's id
is the first part of the key (amends_ID_…); the key itself is not needed.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.HasPrefix(args[0], "amends_") {
				return usage(errors.New("give the key's id, the ten characters after amends_, not the key itself"))
			}
			c, err := at.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.close()
			var key access.APIKey
			raw, err := c.postJSON(cmd.Context(), "/v1/access/keys/"+url.PathEscape(args[0])+"/revoke", nil, web.RevokeRequest{Reason: reason}, &key)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(raw)
			return err
		},
	}
	at.flags(cmd.Flags())
	cmd.Flags().StringVar(&reason, "reason", "", "why, without personal data; it is recorded")
	return cmd
}

func newAccessRoles() *cobra.Command {
	var formatName string
	allowed := []format{formatTable, formatJSON}
	cmd := &cobra.Command{
		Use:   "roles",
		Short: "Say what each role may do",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := chosenFormat(formatName, allowed...)
			if err != nil {
				return err
			}
			if f == formatJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(access.Grants())
			}
			t := newTable(cmd.OutOrStdout())
			t.AppendHeader(table.Row{"role", "who", "permissions"})
			for _, g := range access.Grants() {
				t.AppendRow(table.Row{g.Role, g.Description, join(g.Permissions)})
			}
			t.Render()
			return nil
		},
	}
	formatFlag(cmd.Flags(), &formatName, allowed...)
	return cmd
}
