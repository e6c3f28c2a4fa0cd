package esdb

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/rs/zerolog"
)

// Config says where the server is.
type Config struct {
	// URL is the connection string: esdb://user:password@host1:2113,host2:2113?tlsCaFile=ca.crt, or esdb+discover://host
	// for a cluster behind one name. kurrentdb:// and kurrentdb+discover:// mean the same. Several hosts, or +discover, mean
	// a cluster, whose leader is found by gossip. The settings are those of Settings.
	URL string
	// Logger gets what an operator must know; never data of a record. Default: nothing is logged.
	Logger zerolog.Logger
	// Patience is how long an append or a read goes on trying while the leader cannot be reached. Default 20 seconds.
	// Followers try until their context ends.
	Patience time.Duration
}

const defaultPatience = 20 * time.Second

// Settings are what a connection string may set, in lower case (the server's documentation writes them in camel case).
// discoveryInterval and maxDiscoverAttempts are accepted for the sake of existing connection strings, and have no effect:
// Config.Patience has their place.
var Settings = []string{
	"tls", "tlsverifycert", "tlscafile", "usercertfile", "userkeyfile", "nodepreference", "discoveryinterval",
	"maxdiscoverattempts", "gossiptimeout", "keepaliveinterval", "keepalivetimeout", "defaultdeadline",
}

// schemes maps the schemes we take to those that the client's parser knows.
var schemes = map[string]string{
	"esdb": "esdb", "esdb+discover": "esdb+discover",
	"kurrentdb": "esdb", "kurrentdb+discover": "esdb+discover",
	"kurrent": "esdb", "kurrent+discover": "esdb+discover",
}

// IsURL reports whether a store's URL has a scheme of this package.
func IsURL(store string) bool {
	scheme, _, ok := strings.Cut(store, "://")
	return ok && schemes[scheme] != ""
}

// errInsecure: the connection string would lose its credentials or send them in the clear.
var errInsecure = errors.New("credentials over tls=false are only for a server on this machine: leave tls on (tlsCaFile names its authority)")

// parse reads the connection string. Its errors never repeat it: it holds a password.
func parse(connection string) (*esdb.Configuration, error) {
	scheme, rest, ok := strings.Cut(connection, "://")
	if !ok || schemes[scheme] == "" {
		return nil, errors.New("not a connection string such as esdb://localhost:2113?tls=false")
	}
	if _, settings, ok := strings.Cut(rest, "?"); ok {
		if err := checkSettings(settings); err != nil {
			return nil, err
		}
	}
	conf, err := esdb.ParseConnectionString(schemes[scheme] + "://" + rest)
	if err != nil {
		var parsing *url.Error // repeats the whole string
		if errors.As(err, &parsing) {
			err = parsing.Err
		}
		return nil, fmt.Errorf("connection string: %w", err)
	}
	if err := conf.Validate(); err != nil {
		return nil, fmt.Errorf("connection string: %w", err)
	}
	conf.Logger = esdb.NoopLogging()
	if conf.NodePreference != esdb.NodePreferenceLeader {
		return nil, fmt.Errorf("nodePreference=%s would not read what was acknowledged: the ledger needs the leader", conf.NodePreference)
	}
	if conf.Username != "" && conf.DisableTLS && !allLoopback(conf) {
		return nil, errInsecure
	}
	return conf, nil
}

// checkSettings refuses what the client's parser would pass over: unknown settings, and a deadline that is not a number.
func checkSettings(settings string) error {
	values, err := url.ParseQuery(settings)
	if err != nil {
		return fmt.Errorf("connection string: %w", err)
	}
	known := make(map[string]bool)
	for _, s := range Settings {
		known[s] = true
	}
	for name, v := range values {
		if !known[strings.ToLower(name)] {
			return fmt.Errorf("connection string: setting %q is not one of %s", name, strings.Join(Settings, ", "))
		}
		if strings.EqualFold(name, "defaultDeadline") {
			if ms, err := time.ParseDuration(v[0] + "ms"); err != nil || ms <= 0 {
				return fmt.Errorf("connection string: defaultDeadline=%s is not a number of milliseconds above 0", v[0])
			}
		}
	}
	return nil
}

// allLoopback reports whether every host that the connection string names is this machine by its literal address or as
// localhost.
func allLoopback(conf *esdb.Configuration) bool {
	hosts := []string{conf.Address}
	if len(conf.GossipSeeds) > 0 {
		hosts = hosts[:0]
		for _, seed := range conf.GossipSeeds {
			hosts = append(hosts, seed.String())
		}
	}
	for _, h := range hosts {
		if !isLoopback(h) {
			return false
		}
	}
	return true
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
