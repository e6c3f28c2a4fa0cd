// Package esdbtest is a double of EventStoreDB for tests: it speaks the server's gRPC protocol on a loopback listener, keeps
// its events in memory, and is strict in the ways the server is strict.
//
// It was written after the server's source (IndexWriter.CheckCommit, StorageWriterService, the gRPC transport's Streams and
// RpcExceptions, Enumerator.AllSubscriptionFiltered): wrong expected versions are answers and not errors; a repeated append is
// recognised by its event ids, exactly with an expected version and from memory without; deleted streams go on counting,
// tombstoned ones refuse everything; checkpoints name the next record; a subscription beyond the end is silent. It can lose
// requests and receipts, cut connections, go down, restart, drop subscriptions and lead or follow in a cluster.
package esdbtest

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Config says what kind of server this is. The zero value is an open one without TLS.
type Config struct {
	// Version is what the server calls itself. Default 24.10.0.
	Version string
	// TLS makes it serve with a certificate of an authority of its own, which the URL names.
	TLS bool
	// User and Password are asked of every call, if User is set.
	User, Password string
	// MaxAppendSize is how many bytes one append may have. Default 1 MiB, the server's.
	MaxAppendSize int
	// NoStreamPositions leaves the log position out of stream reads, as servers before 22.6 do.
	NoStreamPositions bool
}

// Server is a node. It is closed at the end of the test.
type Server struct {
	streams.UnimplementedStreamsServer
	serverfeatures.UnimplementedServerFeaturesServer

	cfg     Config
	cluster *cluster
	address *net.TCPAddr
	secure  *tls.Config
	caFile  string

	mu       sync.Mutex
	conns    map[net.Conn]struct{}
	down     bool
	refused  chan struct{} // gets a value when a connection was refused
	frozen   int           // how many records a node that lags behind sees
	drop     chan struct{} // closed and replaced to drop the subscriptions
	onAppend func(stream string) Fate
	onRead   func(sent int) Fate
}

// cluster is nodes with one log.
type cluster struct {
	log    *transactionLog
	mu     sync.Mutex
	leader *Server
	nodes  []*Server
}

// Fate is what becomes of a call.
type Fate int

const (
	Pass        Fate = iota
	LoseRequest      // the connection is cut before anything is done
	LoseReceipt      // it is done, and then the connection is cut
	Busy             // the server is too busy and does nothing
	TimeOut          // it is done, and the server reports a timeout all the same
)

// Start runs a server that is alone.
func Start(t testing.TB, cfg Config) *Server {
	t.Helper()
	c := &cluster{log: newTransactionLog()}
	s := c.start(t, cfg)
	c.leader = s
	return s
}

// Follower runs another node of the same cluster. Its own view of the log stands still where it is now, until it leads.
func (s *Server) Follower(t testing.TB) *Server {
	t.Helper()
	f := s.cluster.start(t, s.cfg)
	records, _, _ := s.cluster.log.snapshot()
	f.frozen = len(records)
	return f
}

func (c *cluster) start(t testing.TB, cfg Config) *Server {
	t.Helper()
	if cfg.Version == "" {
		cfg.Version = "24.10.0"
	}
	if cfg.MaxAppendSize == 0 {
		cfg.MaxAppendSize = 1 << 20
	}
	s := &Server{
		cfg: cfg, cluster: c, conns: make(map[net.Conn]struct{}), refused: make(chan struct{}, 1), drop: make(chan struct{}),
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = listener.Addr().(*net.TCPAddr)
	options := []grpc.ServerOption{
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
		grpc.MaxRecvMsgSize(17 << 20),
		grpc.UnaryInterceptor(func(ctx context.Context, req any, call *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			if strings.HasPrefix(call.FullMethod, "/event_store.client.streams.") { // gossip and features are for anybody
				if err := s.authenticate(ctx); err != nil {
					return nil, err
				}
			}
			return next(ctx, req)
		}),
		grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			if err := s.authenticate(stream.Context()); err != nil {
				return err
			}
			return next(srv, stream)
		}),
	}
	if cfg.TLS {
		s.secure, s.caFile = certificate(t)
		options = append(options, grpc.Creds(credentials.NewTLS(s.secure)))
	}
	server := grpc.NewServer(options...)
	streams.RegisterStreamsServer(server, s)
	gossip.RegisterGossipServer(server, gossipService{server: s})
	serverfeatures.RegisterServerFeaturesServer(server, s)
	c.mu.Lock()
	c.nodes = append(c.nodes, s)
	c.mu.Unlock()
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(&listenerOf{Listener: listener, server: s}) // ends with the listener
	}()
	t.Cleanup(func() {
		server.Stop()
		<-served
	})
	return s
}

// Address is where the node listens.
func (s *Server) Address() string { return s.address.String() }

// URL is the node's connection string.
func (s *Server) URL() string {
	u := url.URL{Scheme: "esdb", Host: s.Address()}
	if s.cfg.User != "" {
		u.User = url.UserPassword(s.cfg.User, s.cfg.Password)
	}
	q := url.Values{}
	if s.cfg.TLS {
		q.Set("tlsCaFile", s.caFile)
	} else {
		q.Set("tls", "false")
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// Lead makes this node the leader.
func (s *Server) Lead() {
	s.cluster.mu.Lock()
	defer s.cluster.mu.Unlock()
	s.cluster.leader = s
}

func (s *Server) leader() *Server {
	s.cluster.mu.Lock()
	defer s.cluster.mu.Unlock()
	return s.cluster.leader
}

// Cut cuts every connection.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close()
	}
}

// Down cuts every connection and takes no new ones until Up.
func (s *Server) Down() {
	s.mu.Lock()
	s.down = true
	s.mu.Unlock()
	s.Cut()
}

// Up takes connections again.
func (s *Server) Up() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = false
}

// Refused gets a value after a connection was refused because the node is down.
func (s *Server) Refused() <-chan struct{} { return s.refused }

// Restart is a crash and a start: what is on disk stays.
func (s *Server) Restart() {
	s.Down()
	s.cluster.log.forget()
	s.Up()
}

// DropSubscriptions ends the subscriptions that are open, as a server does with one that is too slow.
func (s *Server) DropSubscriptions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.drop)
	s.drop = make(chan struct{})
}

// OnAppend decides what becomes of each append from now on; nil lets them pass.
func (s *Server) OnAppend(f func(stream string) Fate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onAppend = f
}

// OnRead decides, before each event that a read or a subscription sends, whether the connection is cut (LoseRequest); it is
// told how many events this call has sent.
func (s *Server) OnRead(f func(sent int) Fate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onRead = f
}

// SystemEvent has the server write an event of its own.
func (s *Server) SystemEvent() { s.cluster.log.system() }

// Scavenge removes what deletions and truncations hide.
func (s *Server) Scavenge() { s.cluster.log.scavenge() }

func (s *Server) authenticate(ctx context.Context) error {
	if s.cfg.User == "" {
		return nil
	}
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(s.cfg.User+":"+s.cfg.Password))
	md, _ := metadata.FromIncomingContext(ctx)
	if !slices.Equal(md.Get("authorization"), []string{want}) {
		return status.Error(codes.Unauthenticated, "Unauthenticated")
	}
	return nil
}

// atLeader refuses a call that requires the leader if this is another node, and names the leader.
func (s *Server) atLeader(ctx context.Context, setTrailer func(metadata.MD)) error {
	md, _ := metadata.FromIncomingContext(ctx)
	leader := s.leader()
	if leader == s || !slices.Equal(md.Get("requires-leader"), []string{"true"}) {
		return nil
	}
	setTrailer(metadata.Pairs("exception", "not-leader",
		"leader-endpoint-host", leader.address.IP.String(), "leader-endpoint-port", strconv.Itoa(leader.address.Port)))
	return status.Error(codes.NotFound, "Leader info available")
}

// gossipInfo says who is who.
func (s *Server) gossipInfo() *gossip.ClusterInfo {
	s.cluster.mu.Lock()
	defer s.cluster.mu.Unlock()
	info := &gossip.ClusterInfo{}
	for _, n := range s.cluster.nodes {
		state := gossip.MemberInfo_Follower
		if n == s.cluster.leader {
			state = gossip.MemberInfo_Leader
		}
		n.mu.Lock()
		info.Members = append(info.Members, &gossip.MemberInfo{
			State: state, IsAlive: !n.down,
			HttpEndPoint: &gossip.EndPoint{Address: n.address.IP.String(), Port: uint32(n.address.Port)},
		})
		n.mu.Unlock()
	}
	return info
}

// GetSupportedMethods implements the server features service.
func (s *Server) GetSupportedMethods(context.Context, *shared.Empty) (*serverfeatures.SupportedMethods, error) {
	const service = "event_store.client.streams.streams"
	m := &serverfeatures.SupportedMethods{EventStoreServerVersion: s.cfg.Version}
	for _, name := range []string{"append", "read", "delete", "tombstone"} {
		m.Methods = append(m.Methods, &serverfeatures.SupportedMethod{MethodName: name, ServiceName: service})
	}
	return m, nil
}

// listenerOf keeps account of a node's connections.
type listenerOf struct {
	net.Listener
	server *Server
}

func (l *listenerOf) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		s := l.server
		s.mu.Lock()
		if s.down {
			s.mu.Unlock()
			_ = c.Close()
			select {
			case s.refused <- struct{}{}:
			default:
			}
			continue
		}
		s.conns[c] = struct{}{}
		s.mu.Unlock()
		return &connOf{Conn: c, server: s}, nil
	}
}

type connOf struct {
	net.Conn
	server *Server
}

func (c *connOf) Close() error {
	c.server.mu.Lock()
	delete(c.server.conns, c.Conn)
	c.server.mu.Unlock()
	return c.Conn.Close()
}
