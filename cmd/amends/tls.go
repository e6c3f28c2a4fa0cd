package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// certificate is the server's certificate in two PEM files, read again when they change: a renewed certificate is used from
// the next connection on.
type certificate struct {
	certFile, keyFile string
	log               zerolog.Logger

	mu   sync.Mutex
	pair *tls.Certificate
	seen [2]stamp // of the files that were last tried
}

// stamp tells a file that changed from one that did not.
type stamp struct {
	modified time.Time
	size     int64
}

// serverTLS reads the certificate, which must be usable now.
func serverTLS(certFile, keyFile string, log zerolog.Logger) (*tls.Config, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	seen, err := c.stamps()
	if err != nil {
		return nil, fmt.Errorf("TLS certificate: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("TLS certificate (--tls-cert, --tls-key): %w", err)
	}
	c.pair, c.seen = &pair, seen
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.current}, nil
}

func (c *certificate) stamps() (out [2]stamp, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return out, err
		}
		out[i] = stamp{info.ModTime(), info.Size()}
	}
	return out, nil
}

// current returns the certificate. Files that cannot be read, or do not belong together because only one of the two has been
// replaced yet, leave the last good one in use, and are tried again when they change.
func (c *certificate) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen, err := c.stamps()
	if seen == c.seen {
		return c.pair, nil
	}
	c.seen = seen
	if err == nil {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(c.certFile, c.keyFile); err == nil {
			c.pair = &pair
			c.log.Info().Msg("the TLS certificate was read again")
			return c.pair, nil
		}
	}
	c.log.Warn().Err(err).Msg("the changed TLS certificate cannot be used; the last one stays")
	return c.pair, nil
}

// trusting is a client's TLS: the certificates of the authorities in the PEM file, or the system's where none is given.
func trusting(caFile string) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile == "" {
		return cfg, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("--tls-ca: %w", err)
	}
	cfg.RootCAs = x509.NewCertPool()
	if !cfg.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--tls-ca: %s holds no certificate in PEM", caFile)
	}
	return cfg, nil
}
