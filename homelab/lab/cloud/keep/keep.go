// Package keep is what outlives `serve`, in the process that answers public DNS: the records
// pushed last, and the listening sockets.
//
// A socket that stays open while nobody accepts lets clients connect and wait: after a crash of
// `serve` the next one takes up their connections at once. A refused connection would send
// tailscaled to its list of hard-coded public servers, at 3 s each, before it asks again.
package keep

import (
	"net"
	"net/netip"
	"os"
	"sync"

	"homelab/cloud/dnsd"
)

// SocketName is the socket's name in the state folder.
const SocketName = "dns.sock"

// request is one line of JSON on the socket, with one of the fields set. The answer is a line too;
// to Listen, the socket comes with it.
type request struct {
	Set     *dnsd.Set       `json:"set,omitempty"`
	Listen  *netip.AddrPort `json:"listen,omitempty"`
	Release bool            `json:"release,omitempty"`
}

type answer struct {
	Error string `json:"error,omitempty"`
}

// sockets are the listening sockets kept.
type sockets struct {
	mu   sync.Mutex
	open map[netip.AddrPort]*os.File
}

// get is the socket of that address, opened at the first call.
func (s *sockets) get(addr netip.AddrPort) (*os.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.open[addr]; f != nil {
		return f, nil
	}
	l, err := net.Listen("tcp", addr.String())
	if err != nil {
		return nil, err
	}
	defer l.Close() // the file is a copy of its own
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		return nil, err
	}
	s.open[addr] = f
	return f, nil
}

// release closes all of them: connections are refused from now on.
func (s *sockets) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for addr, f := range s.open {
		f.Close()
		delete(s.open, addr)
	}
}
