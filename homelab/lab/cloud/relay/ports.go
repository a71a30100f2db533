package relay

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"syscall"
)

// A node's door remembers for a minute where a visitor came from, and hears no new one from there.
// The kernel would give out the same source ports again long before: we go round through all of them.
const firstPort, lastPort = 10240, 65535

type ports struct{ next atomic.Uint32 }

func newPorts() *ports {
	p := &ports{}
	p.next.Store(rand.Uint32())
	return p
}

// dial connects from a port that was not used for as long as possible.
func (p *ports) dial(ctx context.Context, addr string) (*net.TCPConn, error) {
	for range 100 {
		port := firstPort + int(p.next.Add(1)%(lastPort-firstPort+1))
		conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{Port: port}}).DialContext(ctx, "tcp4", addr)
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return conn.(*net.TCPConn), nil
	}
	return nil, errors.New("no free port")
}
