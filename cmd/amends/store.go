package main

import (
	"context"
	"errors"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"amends/eventstore"
	"amends/eventstore/esdb"
	"amends/eventstore/jetstream"
)

// logPlace says where the log is: in the data directory, or on the server that the store's URL names. What is not the log
// (views, keys) is in the data directory in either case.
type logPlace struct {
	data  string
	store string // URL; empty: the log is in the data directory
}

func (p *logPlace) flags(flags *pflag.FlagSet, data, meaning string) {
	flags.StringVar(&p.data, "data", data, meaning)
	flags.StringVar(&p.store, "store", "",
		"URL of the log, such as esdb://db:2113 or kurrentdb://db:2113 (default: embedded, in --data); docs/stores.md tells more")
}

// kind is the scheme of the store's URL; the rest may hold a password.
func (p *logPlace) kind() string {
	scheme, _, ok := strings.Cut(p.store, "://")
	if !ok {
		return "embedded"
	}
	return scheme
}

// openedLog is the store that an engine works on, and what depends on where it is.
type openedLog struct {
	eventstore.Store
	sparse   bool                   // positions have gaps
	announce func(url string) error // where the API listens, for whoever finds the data directory in use
	close    func() error
}

// open opens the log, and takes the data directory.
func (p *logPlace) open(ctx context.Context, logger zerolog.Logger) (*openedLog, error) {
	if p.store == "" {
		return openEmbedded(ctx, p.data, logger)
	}
	lock, err := jetstream.LockDir(p.data)
	if err != nil {
		return nil, err
	}
	l, err := openRemote(ctx, p.store, logger)
	if err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	remote := l.close
	l.announce = lock.Announce
	l.close = func() error { return errors.Join(remote(), lock.Release()) }
	return l, nil
}

// openEmbedded opens the log in a data directory.
func openEmbedded(ctx context.Context, dir string, logger zerolog.Logger) (*openedLog, error) {
	s, err := jetstream.Open(ctx, jetstream.Config{Dir: dir, Logger: logger})
	if err != nil {
		return nil, err
	}
	return &openedLog{Store: s, announce: s.Announce, close: s.Close}, nil
}

// openRemote opens the log on a server; the URL's scheme says of which kind. Nobody has a use for announce.
func openRemote(ctx context.Context, url string, logger zerolog.Logger) (*openedLog, error) {
	switch {
	case esdb.IsURL(url):
		s, err := esdb.Open(ctx, esdb.Config{URL: url, Logger: logger})
		if err != nil {
			return nil, err
		}
		return &openedLog{Store: s, sparse: true, close: s.Close}, nil
	}
	// The URL may hold a password and is not repeated.
	return nil, usage(errors.New("a store's URL begins with esdb://, esdb+discover://, kurrentdb:// or kurrentdb+discover:// (docs/stores.md)"))
}
