package access

import (
	"net"
	"net/netip"
	"strings"
)

// Loopback reports whether a host, with or without a port, is this machine by its very name: localhost (RFC 6761 §6.3) or a
// loopback address. A name that merely resolves to one is not: whoever runs the name server decides that.
func Loopback(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.IsLoopback()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
