package esdb_test

import (
	"strings"
	"testing"

	"amends/eventstore/esdb"
	"amends/internal/esdbtest"
)

// A connection string that would be understood halfway is refused, and no refusal repeats the password.
func TestConnectionStrings(t *testing.T) {
	for url, want := range map[string]string{
		"esdb://admin:s3cret@db.example:2113?tls=false":                                "credentials over tls=false",
		"esdb://admin:s3cret@127.0.0.1:1,db.example:2113?tls=false":                    "credentials over tls=false",
		"esdb://admin:s3cret@db.example:2113?nodePreference=follower":                  "needs the leader",
		"esdb://admin:s3cret@db.example:2113?tlsVerify=false":                          `setting "tlsVerify"`,
		"esdb://admin:s3cret@db.example:2113?defaultDeadline=soon":                     "defaultDeadline=soon",
		"esdb://admin:s3cret@db.example:2113?tlsCaFile=/does/not/exist":                "/does/not/exist",
		"esdb://admin:s3cret@db.example:port":                                          "connection string",
		"esdb://admin:s3%ZZcret@db.example":                                            "connection string",
		"esdb://:s3cret@db.example":                                                    "username",
		"kurrentdb://admin:s3cret@db.example/a/path":                                   "path",
		"mongodb://admin:s3cret@db.example":                                            "not a connection string",
		"esdb://admin:s3cret@db.example:2113?userCertFile=a.pem":                       "userKeyFile",
		"esdb://admin:s3cret@db.example:2113?userCertFile=/no/a.pem&userKeyFile=/no/b": "user certificate",
	} {
		_, err := esdb.Open(t.Context(), esdb.Config{URL: url})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", url, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "cret") {
			t.Errorf("%s: the error tells the password: %v", url, err)
		}
	}
}

func TestTLSAndCredentials(t *testing.T) {
	cfg := esdbtest.Config{TLS: true, User: "amends", Password: "p@ss:word/?#"}
	server := esdbtest.Start(t, cfg)
	s := open(t, esdb.Config{URL: server.URL()})
	mustAppend(t, s, "a", 0, "one")
	if n := len(all(t, s)); n != 1 {
		t.Fatalf("the log has %d events, want 1", n)
	}
	wrong := strings.Replace(server.URL(), "esdb://amends:", "esdb://amends:x", 1)
	if _, err := esdb.Open(t.Context(), esdb.Config{URL: wrong}); err == nil || !strings.Contains(err.Error(), "refuses this user") {
		t.Errorf("a wrong password: got %v", err)
	}
	untrusted, _, _ := strings.Cut(server.URL(), "?")
	if _, err := esdb.Open(t.Context(), esdb.Config{URL: untrusted, Patience: 1}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown authority: got %v", err)
	}
}

// On this machine credentials go over tls=false, too, instead of being left out in silence.
func TestCredentialsOnLoopback(t *testing.T) {
	server := esdbtest.Start(t, esdbtest.Config{User: "amends", Password: "secret"})
	s := open(t, esdb.Config{URL: server.URL()})
	mustAppend(t, s, "a", 0, "one")
}

func TestSchemes(t *testing.T) {
	server := esdbtest.Start(t, esdbtest.Config{})
	for _, scheme := range []string{"esdb", "esdb+discover", "kurrentdb", "kurrentdb+discover", "kurrent"} {
		url := strings.Replace(server.URL(), "esdb://", scheme+"://", 1)
		if !esdb.IsURL(url) {
			t.Errorf("%s is not known", scheme)
		}
		s := open(t, esdb.Config{URL: url})
		if _, err := s.End(t.Context()); err != nil {
			t.Errorf("%s: %v", scheme, err)
		}
	}
	for _, url := range []string{"nats://localhost", "/var/lib/amends", "", "esdb:", "esdb"} {
		if esdb.IsURL(url) {
			t.Errorf("%q is taken for a store of this package", url)
		}
	}
}
