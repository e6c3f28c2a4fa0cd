package esdb

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"amends/eventstore"
)

// link is the connection to the leader. When the leader changes, it is replaced; calls under way on the old one fail and
// are tried again on the new one.
type link struct {
	conf  *esdb.Configuration
	dials []grpc.DialOption
	turn  chan struct{} // holds one token: whoever took it may look for the leader

	mu     sync.Mutex
	leader *node
	closed bool
}

// node is a server, as far as is known the leader.
type node struct {
	address string
	conn    *grpc.ClientConn
	streams streams.StreamsClient
}

func newLink(conf *esdb.Configuration) (*link, error) {
	l := &link{conf: conf, turn: make(chan struct{}, 1)}
	l.turn <- struct{}{}
	transport := insecure.NewCredentials()
	if !conf.DisableTLS {
		settings := &tls.Config{
			RootCAs: conf.RootCAs, InsecureSkipVerify: conf.SkipCertificateVerification, MinVersion: tls.VersionTLS12,
		}
		if conf.UserCertFile != "" {
			cert, err := tls.LoadX509KeyPair(conf.UserCertFile, conf.UserKeyFile)
			if err != nil {
				return nil, fmt.Errorf("user certificate: %w", err)
			}
			settings.Certificates = []tls.Certificate{cert}
		}
		transport = credentials.NewTLS(settings)
	}
	l.dials = []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithUserAgent("amends"),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
	}
	if conf.Username != "" {
		l.dials = append(l.dials, grpc.WithPerRPCCredentials(&password{
			header: "Basic " + base64.StdEncoding.EncodeToString([]byte(conf.Username+":"+conf.Password)),
			clear:  conf.DisableTLS, // parse has seen to it that the server is on this machine
		}))
	}
	if conf.KeepAliveInterval >= 0 {
		l.dials = append(l.dials, grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: conf.KeepAliveInterval, Timeout: conf.KeepAliveTimeout, PermitWithoutStream: true,
		}))
	}
	return l, nil
}

// maxMessage is above the server's largest event.
const maxMessage = 17 << 20

// password is the user's, for each call.
type password struct {
	header string
	clear  bool
}

func (p *password) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": p.header}, nil
}

func (p *password) RequireTransportSecurity() bool { return !p.clear }

// requireLeader marks a call as one that only the leader may answer.
func requireLeader(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "requires-leader", "true")
}

// node returns the leader, which it looks for if it is not known. Its errors are transient or final, as diagnose has it.
func (l *link) node(ctx context.Context) (*node, error) {
	if n, err := l.known(); n != nil || err != nil {
		return n, err
	}
	select {
	case <-l.turn:
		defer func() { l.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if n, err := l.known(); n != nil || err != nil {
		return n, err // somebody else found it meanwhile
	}
	n, err := l.find(ctx)
	if err != nil {
		return nil, err
	}
	return n, l.settle(nil, n)
}

func (l *link) known() (*node, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, eventstore.ErrClosed
	}
	return l.leader, nil
}

// settle puts another node in the place of one that is still the current one; the one that is not needed is closed, which
// ends the calls that are under way on it.
func (l *link) settle(old, next *node) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	spare := next
	if !l.closed && l.leader == old {
		l.leader, spare = next, old
	}
	if spare != nil {
		_ = spare.conn.Close() // it can only say that it was closed before
	}
	if l.closed {
		return eventstore.ErrClosed
	}
	return nil
}

// heed draws the consequence of a failed call: go where the leader is said to be, or look for it anew.
func (l *link) heed(n *node, failed *transientError) error {
	switch {
	case n == nil:
		return nil
	case failed.leader != "" && failed.leader != n.address:
		next, err := l.dial(failed.leader)
		if err != nil {
			return err
		}
		return l.settle(n, next)
	case n.conn.GetState() != connectivity.Ready, l.isCluster() && status.Code(failed.cause) != codes.Aborted:
		return l.settle(n, nil)
	}
	return nil // the server is there and busy
}

func (l *link) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.leader == nil {
		return nil
	}
	err := l.leader.conn.Close()
	l.leader = nil
	return err
}

func (l *link) isCluster() bool { return l.conf.DnsDiscover || len(l.conf.GossipSeeds) > 0 }

func (l *link) dial(address string) (*node, error) {
	if l.conf.Username != "" && l.conf.DisableTLS && !isLoopback(address) {
		return nil, fmt.Errorf("the leader is at %s: %w", address, errInsecure)
	}
	conn, err := grpc.NewClient(address, l.dials...)
	if err != nil {
		return nil, fmt.Errorf("server %s: %w", address, err)
	}
	return &node{address: address, conn: conn, streams: streams.NewStreamsClient(conn)}, nil
}

// find connects to the one server there is, or asks the cluster's nodes who leads.
func (l *link) find(ctx context.Context) (*node, error) {
	if !l.isCluster() {
		return l.dial(l.conf.Address)
	}
	seeds := []string{l.conf.Address}
	if len(l.conf.GossipSeeds) > 0 {
		seeds = seeds[:0]
		for _, s := range l.conf.GossipSeeds {
			seeds = append(seeds, s.String())
		}
	}
	rand.Shuffle(len(seeds), func(i, j int) { seeds[i], seeds[j] = seeds[j], seeds[i] })
	var errs []error
	for _, seed := range seeds {
		address, err := l.ask(ctx, seed)
		if err == nil {
			return l.dial(address)
		}
		var transient *transientError
		if !errors.As(err, &transient) {
			return nil, err
		}
		errs = append(errs, fmt.Errorf("%s: %w", seed, err))
	}
	return nil, &transientError{cause: fmt.Errorf("no leader was found: %w", errors.Join(errs...))}
}

// ask returns the leader's address according to a node.
func (l *link) ask(ctx context.Context, seed string) (string, error) {
	n, err := l.dial(seed)
	if err != nil {
		return "", err
	}
	defer n.conn.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(l.conf.GossipTimeout)*time.Second)
	defer cancel()
	var trailer metadata.MD
	info, err := gossip.NewGossipClient(n.conn).Read(ctx, &shared.Empty{}, grpc.Trailer(&trailer))
	if err != nil {
		return "", diagnose(err, trailer)
	}
	for _, m := range info.GetMembers() {
		if m.GetIsAlive() && m.GetState() == gossip.MemberInfo_Leader {
			e := m.GetHttpEndPoint()
			return net.JoinHostPort(e.GetAddress(), strconv.Itoa(int(e.GetPort()))), nil
		}
	}
	return "", &transientError{cause: errors.New("it knows of no leader")}
}

// checkVersion refuses servers that do not tell the positions of a stream's events.
func (n *node) checkVersion(ctx context.Context) error {
	var trailer metadata.MD
	methods, err := serverfeatures.NewServerFeaturesClient(n.conn).GetSupportedMethods(ctx, &shared.Empty{}, grpc.Trailer(&trailer))
	if err != nil {
		return diagnose(err, trailer)
	}
	var major, minor int
	version := methods.GetEventStoreServerVersion()
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		return fmt.Errorf("server version %q is not understood", version)
	}
	if major > 0 && (major < 22 || major == 22 && minor < 6) { // a build from source calls itself 0.0
		return fmt.Errorf("the server is version %s; the ledger needs 22.6 or later, which tells the positions of a stream's events", version)
	}
	return nil
}
