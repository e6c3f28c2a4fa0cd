package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/rs/zerolog"

	"amends/access"
)

// client speaks the API, over the network or, for an embedded ledger, over pipes within this process. There is one path.
type client struct {
	base  string
	http  *http.Client // sends the token, where there is one
	close func() error
}

// connect opens the place. The caller closes the client.
func (p *place) connect(ctx context.Context) (*client, error) {
	if p.server != "" {
		return p.connectServer()
	}
	e, err := openEngine(ctx, p.logPlace, errorLines(os.Stderr))
	if err != nil {
		return nil, err
	}
	return e.client(), nil
}

// errorLines is the log of a ledger that runs within a command: what an operator must know, one readable line each.
func errorLines(out io.Writer) zerolog.Logger {
	return zerolog.New(zerolog.ConsoleWriter{
		Out: out, NoColor: true, PartsOrder: []string{zerolog.MessageFieldName},
		FormatMessage: func(message any) string { return fmt.Sprintf("amends: %s:", message) },
	}).Level(zerolog.ErrorLevel)
}

// tokenForm is the form of what follows "Bearer" (RFC 6750 §2.1), or nothing.
var tokenForm = regexp.MustCompile(`^([A-Za-z0-9._~+/-]+=*)?$`)

// connectServer makes a client of a running ledger. It never sends a token where others could read it on the way.
func (p *place) connectServer() (*client, error) {
	u, err := url.Parse(p.server)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, usage(fmt.Errorf("--server %q is not a URL such as http://127.0.0.1:8080", p.server))
	}
	token := p.token
	if p.tokenFile != "" {
		if token != "" {
			return nil, usage(errors.New("give --token or --token-file (AMENDS_TOKEN or AMENDS_TOKEN_FILE), not both"))
		}
		text, err := os.ReadFile(p.tokenFile)
		if err != nil {
			return nil, fmt.Errorf("--token-file: %w", err)
		}
		token = strings.TrimSpace(string(text))
	}
	if !tokenForm.MatchString(token) {
		return nil, usage(errors.New("the token holds characters that no key or token has; is it the right file?"))
	}
	if token != "" && u.Scheme == "http" && !access.Loopback(u.Host) {
		return nil, usage(fmt.Errorf("refusing to send a token to %s over plain http, where others can read it; use https", u.Host))
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if transport.TLSClientConfig, err = trusting(p.tlsCA); err != nil {
		return nil, err
	}
	return &client{
		base: strings.TrimSuffix(p.server, "/"),
		http: &http.Client{Transport: &authorized{host: u.Host, token: token, next: transport}, CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("it redirects elsewhere; give --server the address of the ledger itself")
		}},
		close: func() error { transport.CloseIdleConnections(); return nil },
	}, nil
}

// authorized sends the token with every request to the ledger, whoever makes the request, and to no other host.
type authorized struct {
	host, token string // no token: none is sent
	next        http.RoundTripper
}

func (a *authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.token != "" && r.URL.Host == a.host {
		r = r.Clone(r.Context()) // a RoundTripper must leave its request alone
		r.Header.Set("Authorization", "Bearer "+a.token)
	}
	return a.next.RoundTrip(r)
}

// client returns a client of the engine's own API; closing it closes the engine.
func (e *engine) client() *client {
	pipes := newPipeListener()
	server := &http.Server{Handler: e.handler}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(pipes) // ends with http.ErrServerClosed
	}()
	transport := &http.Transport{DialContext: pipes.dial, MaxIdleConnsPerHost: 8}
	return &client{
		base: "http://localhost",
		http: &http.Client{Transport: transport},
		close: func() error {
			transport.CloseIdleConnections()
			err := server.Close()
			<-done
			return errors.Join(err, e.Close())
		},
	}
}

// pipeListener is a net.Listener whose connections are pipes within the process.
type pipeListener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "amends" }

// do sends a request and returns the answer's body, or the problem that the server reports as an error.
func (c *client) do(ctx context.Context, method, path string, query url.Values, accept, contentType string, body io.Reader) (*http.Response, error) {
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, err
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the ledger does not answer: %w", err)
	}
	if resp.StatusCode >= 400 {
		defer resp.Body.Close()
		return nil, readProblem(resp)
	}
	return resp, nil
}

// problemError is the server's problem document as an error.
type problemError struct {
	status  int
	Type    string `json:"type"`
	Title   string `json:"title"`
	Detail  string `json:"detail"`
	Pointer string `json:"pointer"`
	// Parameter is that of the request: the flag of that name, as_of being --as-of.
	Parameter string `json:"parameter"`
}

func (e *problemError) Error() string {
	text := e.Detail
	if text == "" {
		text = e.Title
	}
	if e.Pointer != "" {
		text += " (at " + e.Pointer + ")"
	}
	if text == "" {
		text = "the ledger answered " + strconv.Itoa(e.status)
	}
	if e.Parameter != "" {
		text = "--" + strings.ReplaceAll(e.Parameter, "_", "-") + ": " + text
	}
	return text
}

func readProblem(resp *http.Response) error {
	p := &problemError{status: resp.StatusCode}
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if json.Unmarshal(data, p) != nil {
		p.Detail = strings.TrimSpace(string(data))
	}
	if p.isUsage() {
		return usage(p)
	}
	return p
}

// isDenied reports whether the caller may not do this, or is not known.
func (e *problemError) isDenied() bool {
	return e.status == http.StatusUnauthorized || e.status == http.StatusForbidden
}

// isUsage reports whether what was typed is at fault: a flag, a customer id, a statement, the name of a view. That there is
// no such customer, say, is an answer.
func (e *problemError) isUsage() bool {
	switch e.status {
	case http.StatusBadRequest:
		return strings.HasPrefix(e.Type, "urn:amends:problem:")
	case http.StatusNotFound:
		return e.Type == problemUnknownView
	}
	return false
}

// problemUnknownView: no view has the name that was typed.
const problemUnknownView = "urn:amends:problem:unknown-view"

// getJSON reads a JSON answer into out.
func (c *client) getJSON(ctx context.Context, path string, query url.Values, out any) error {
	resp, err := c.do(ctx, http.MethodGet, path, query, "application/json", "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// postJSON sends a JSON body, or none, and reads the JSON answer into out; it returns the answer's bytes, too.
func (c *client) postJSON(ctx context.Context, path string, query url.Values, body, out any) ([]byte, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	resp, err := c.do(ctx, http.MethodPost, path, query, "application/json", "application/json", bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return answer, nil
}

// end returns the last position of the log. A read that names it as `after` sees everything acknowledged so far.
func (c *client) end(ctx context.Context) (string, error) {
	var status struct {
		Log struct {
			End uint64 `json:"end"`
		} `json:"log"`
	}
	if err := c.getJSON(ctx, "/v1/status", nil, &status); err != nil {
		return "", err
	}
	return strconv.FormatUint(status.Log.End, 10), nil
}
