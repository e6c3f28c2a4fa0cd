package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rs/zerolog"

	"amends/access"
)

// authority signs certificates in a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

func (a *authority) write(t testing.TB, path string) {
	t.Helper()
	writePEM(t, path, "CERTIFICATE", a.cert.Raw)
}

func writePEM(t testing.TB, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// issue writes a certificate for 127.0.0.1 with the serial number, and its key.
func (a *authority) issue(t testing.TB, serial int64, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, certFile, "CERTIFICATE", der)
	writePEM(t, keyFile, "PRIVATE KEY", private)
}

// startGuarded serves a new ledger over TLS for callers with credentials and returns its URL and an administrator's key. With
// an issuer it takes that provider's tokens.
func startGuarded(t testing.TB, dir string, a *authority, issuer string) (url, key string) {
	t.Helper()
	how := serving{listen: "127.0.0.1:0", auth: true, tlsCert: filepath.Join(dir, "server.pem"), tlsKey: filepath.Join(dir, "server.key")}
	expect := "needs an API key"
	if issuer != "" {
		how.auth, how.issuer, how.audience, how.roles = false, issuer, "amends", []string{"care-team=handler"}
		expect += " or a token of " + issuer
	}
	a.issue(t, 7, how.tlsCert, how.tlsKey)
	if err := how.check(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	e, err := openEngine(ctx, logPlace{data: filepath.Join(dir, "ledger")}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	granted, key, err := e.keys.Draft(access.Request{Name: "admin", Roles: []access.Role{access.Administrator}})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.keys.Store(ctx, granted, key); err != nil {
		t.Fatal(err)
	}
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- errors.Join(e.serve(ctx, how, "", zerolog.Nop(), func(url, whoMay string) {
			if whoMay != expect {
				t.Errorf("the server says that it %s", whoMay)
			}
			ready <- url
		}), e.Close())
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case url := <-ready:
		return url, key
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	}
	return "", ""
}

// TestGuardedScripts runs the scripts of testdata/guarded against a server that asks for credentials.
func TestGuardedScripts(t *testing.T) {
	dir := t.TempDir()
	ours, other := newAuthority(t), newAuthority(t)
	ours.write(t, filepath.Join(dir, "ca.pem"))
	other.write(t, filepath.Join(dir, "other.pem"))
	url, key := startGuarded(t, dir, ours, "")
	testscript.Run(t, testscript.Params{
		Dir: "testdata/guarded",
		Setup: func(env *testscript.Env) error {
			env.Setenv("AMENDS_SERVER", url)
			env.Setenv("AMENDS_TOKEN", key)
			env.Setenv("AMENDS_TLS_CA", filepath.Join(dir, "ca.pem"))
			env.Setenv("OTHER_CA", filepath.Join(dir, "other.pem"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// revoke NAME revokes the key that is kept in NAME.key.
			"revoke": func(ts *testscript.TestScript, neg bool, args []string) {
				_, rest, _ := strings.Cut(ts.ReadFile(args[0]+".key"), "_")
				id, _, _ := strings.Cut(rest, "_")
				if err := ts.Exec("amends", "access", "revoke", id, "--reason", "test"); err != nil {
					ts.Fatalf("%v", err)
				}
			},
		},
	})
}

// TestTokensFromTheCommandLine goes the whole way of a person: a token of the provider, its role by the mapping of the flags.
func TestTokensFromTheCommandLine(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	documents := &oidctest.Server{
		PublicKeys: []oidctest.PublicKey{{PublicKey: private.Public(), KeyID: "k1", Algorithm: oidc.ES256}}, Algorithms: []string{oidc.ES256},
	}
	provider := httptest.NewServer(documents)
	defer provider.Close()
	documents.SetIssuer(provider.URL)

	dir := t.TempDir()
	a := newAuthority(t)
	a.write(t, filepath.Join(dir, "ca.pem"))
	url, _ := startGuarded(t, dir, a, provider.URL)
	as := func(role string) *client {
		token := oidctest.SignIDToken(private, "k1", oidc.ES256, fmt.Sprintf(`{"iss":%q,"aud":"amends","sub":"ada@example.org","exp":%d,"roles":[%q]}`,
			provider.URL, time.Now().Add(time.Hour).Unix(), role))
		c, err := (&place{server: url, token: token, tlsCA: filepath.Join(dir, "ca.pem")}).connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.close() })
		return c
	}
	handler := as("care-team")
	resp, err := handler.do(t.Context(), http.MethodPost, "/v1/events", nil, "", "application/json", strings.NewReader(
		`{"specversion":"1.0","id":"e1","source":"t","type":"complaint.registered","subject":"C-1","data":{"complaint_id":"K-1","channel":"phone"}}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	var history struct {
		Records []struct {
			Event struct{ Actor string } `json:"event"`
		} `json:"records"`
	}
	if err := handler.getJSON(t.Context(), "/v1/customers/C-1/history", nil, &history); err != nil {
		t.Fatal(err)
	}
	if len(history.Records) != 1 || !strings.HasPrefix(history.Records[0].Event.Actor, "oidc:sha256-") {
		t.Errorf("history %+v", history)
	}
	var problem *problemError
	if _, err := as("handler").end(t.Context()); !errors.As(err, &problem) || problem.status != http.StatusForbidden {
		t.Errorf("a value that no flag maps: %v", err)
	}
}

// TestCertificateIsReadAgain renews the certificate under a running server, first only half of it.
func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	a := newAuthority(t)
	url, key := startGuarded(t, dir, a, "")
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	// serial is that of the certificate which a new connection gets.
	serial := func() int64 {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v1/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		resp, err := (&http.Client{Transport: transport}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Strict-Transport-Security") == "" {
			t.Fatalf("status %d, header %v", resp.StatusCode, resp.Header)
		}
		return resp.TLS.PeerCertificates[0].SerialNumber.Int64()
	}
	step := time.Now()
	replace := func(from, to string) {
		if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
		step = step.Add(time.Second) // a file system may not tell two writes at once apart
		if err := os.Chtimes(filepath.Join(dir, to), step, step); err != nil {
			t.Fatal(err)
		}
	}
	if got := serial(); got != 7 {
		t.Fatalf("serial %d", got)
	}
	a.issue(t, 8, filepath.Join(dir, "new.pem"), filepath.Join(dir, "new.key"))
	replace("new.pem", "server.pem")
	if got := serial(); got != 7 {
		t.Errorf("with half of the new pair: serial %d", got)
	}
	replace("new.key", "server.key")
	if got := serial(); got != 8 {
		t.Errorf("with the new pair: serial %d", got)
	}
	if err := os.Remove(filepath.Join(dir, "server.pem")); err != nil {
		t.Fatal(err)
	}
	if got := serial(); got != 8 {
		t.Errorf("without the file: serial %d", got)
	}
	// TLS 1.1 is refused.
	old := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	if conn, err := tls.Dial("tcp", strings.TrimPrefix(url, "https://"), old); err == nil {
		conn.Close()
		t.Error("TLS 1.1 is spoken")
	}
	// Nor does the server talk plainly.
	resp, err := http.Get(strings.Replace(url, "https:", "http:", 1) + "/v1/status")
	if err == nil {
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("plain http: %d", resp.StatusCode)
		}
	}
}

// TestTokenIsNotRedirected: a server that sends clients elsewhere does not get the token sent along.
func TestTokenIsNotRedirected(t *testing.T) {
	asked := make(chan string, 2)
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/status", func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Header.Get("Authorization")
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/elsewhere", func(http.ResponseWriter, *http.Request) { t.Error("the redirection was followed") })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(listener) }() // ends with the test
	defer server.Close()
	c, err := (&place{server: "http://" + listener.Addr().String(), token: "t0ken"}).connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if _, err := c.end(t.Context()); err == nil || !strings.Contains(err.Error(), "redirects") || strings.Contains(err.Error(), "t0ken") {
		t.Errorf("got %v", err)
	}
	if got := <-asked; got != "Bearer t0ken" {
		t.Errorf("sent %q", got)
	}
}
