package web

import (
	"net"
	"net/netip"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// How many failed attempts an address may make at once, how many more each second, and how many addresses are remembered;
// the least recent one is forgotten first, so that an attacker with many addresses costs memory only up to here.
const (
	attemptsBurst     = 20
	attemptsPerSecond = 1
	attemptsAddresses = 10_000
)

// attempts counts failed authentications by remote address. It keeps strangers from making the server verify signatures and
// fetch keys all day; guessing a key is hopeless anyway. Callers behind one proxy share its address.
type attempts struct {
	byAddress *lru.Cache[netip.Prefix, *rate.Limiter]
}

func newAttempts() *attempts {
	cache, err := lru.New[netip.Prefix, *rate.Limiter](attemptsAddresses)
	if err != nil {
		panic(err) // only a size below 1 fails
	}
	return &attempts{cache}
}

// exhausted reports whether the address has had its attempts.
func (a *attempts) exhausted(remote string) bool {
	limiter, found := a.byAddress.Get(addressOf(remote))
	return found && limiter.Tokens() < 1
}

// failed counts one failed attempt.
func (a *attempts) failed(remote string) {
	address := addressOf(remote)
	limiter, found := a.byAddress.Get(address)
	if !found {
		// Of two that come at once one is not counted.
		limiter = rate.NewLimiter(attemptsPerSecond, attemptsBurst)
		a.byAddress.Add(address, limiter)
	}
	limiter.Allow()
}

// addressOf is the address without its port; of IPv6 the network that one subscriber has, a /64. A connection within the
// process has none.
func addressOf(remote string) netip.Prefix {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	addr = addr.Unmap()
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	prefix, err := addr.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}
