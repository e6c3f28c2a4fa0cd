package esdb

import (
	"fmt"
	"net"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"amends/eventstore"
)

// transientError is a failure that may pass: the same call is worth another try, perhaps at another node.
type transientError struct {
	leader string // the leader's address, when the node named it
	cause  error
}

func (e *transientError) Error() string { return e.cause.Error() }
func (e *transientError) Unwrap() error { return e.cause }

// diagnose turns what a call ended with into an error of this package: transient, or final. The server says what is wrong
// in trailers, not in the status code: not-leader and stream-not-found, for one, are both NotFound.
func diagnose(err error, trailer metadata.MD) error {
	said := func(key string) string {
		if v := trailer.Get(key); len(v) > 0 {
			return v[0]
		}
		return ""
	}
	switch said("exception") {
	case "not-leader":
		host, port := said("leader-endpoint-host"), said("leader-endpoint-port")
		leader := ""
		if host != "" && port != "" {
			leader = net.JoinHostPort(host, port)
		}
		return &transientError{leader: leader, cause: fmt.Errorf("this node is not the leader: %w", err)}
	case "stream-deleted":
		return fmt.Errorf("%w: stream %s was tombstoned: its events are lost", errDamaged, said("stream-name"))
	case "maximum-append-size-exceeded":
		return fmt.Errorf("%w: the append is above the server's MaxAppendSize of %s bytes", eventstore.ErrTooLarge, said("maximum-append-size"))
	}
	switch status.Code(err) {
	case codes.Unauthenticated, codes.PermissionDenied:
		return fmt.Errorf("the server refuses this user (a ledger reads $all, and reads and writes its streams): %w", err)
	case codes.InvalidArgument, codes.Unimplemented, codes.FailedPrecondition, codes.OutOfRange, codes.NotFound:
		return err
	}
	return &transientError{cause: err}
}
