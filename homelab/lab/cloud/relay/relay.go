// Package relay is Funnel's front end as the lab plays it: it takes visitors' TLS connections,
// reads the name that they ask for, and hands the bytes, encrypted as they are, to that node.
package relay

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// Ports are those that Funnel has.
var Ports = []uint16{443, 8443, 10000}

const patience = 10 * time.Second

// Relay hands visitors on.
type Relay struct {
	peers *Peers
	seen  *Seen
	ports *ports
}

// New makes a relay. seen may be nil.
func New(peers *Peers, seen *Seen) *Relay { return &Relay{peers, seen, newPorts()} }

// Serve takes the visitors of one listener until it is closed.
func (r *Relay) Serve(l net.Listener) error {
	port := l.Addr().(*net.TCPAddr).AddrPort().Port()
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go r.visitor(c.(*net.TCPConn), port)
	}
}

// visitor hands on one visitor. Where there is nothing to be shown, it hangs up, as the real one does.
func (r *Relay) visitor(c *net.TCPConn, port uint16) {
	defer c.Close()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return
	}
	name, first, err := hello(c)
	if err != nil {
		return // no TLS, or nobody there any more
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		return
	}
	name = strings.ToLower(name)
	node, err := r.reach(name, port, c.RemoteAddr())
	if err != nil {
		log.Printf("%s asks for %q on port %d: %v", c.RemoteAddr(), name, port, err)
		return
	}
	defer node.Close()
	if _, err := node.Write(first); err != nil {
		return
	}
	r.seen.exchange(c, node, first)
}

// reach asks the node to take a visitor.
func (r *Relay) reach(name string, port uint16, visitor net.Addr) (*net.TCPConn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	door, err := r.peers.door(ctx, name)
	if err != nil {
		return nil, err
	}
	node, err := r.ports.dial(ctx, door.String())
	if err != nil {
		return nil, err
	}
	if err := knock(node, door, fmt.Sprintf("%s:%d", name, port), visitor); err != nil {
		node.Close()
		return nil, err
	}
	return node, nil
}

// knock is the peer API's request for a visitor: after its answer the connection is the visitor's.
func knock(node *net.TCPConn, door netip.AddrPort, target string, visitor net.Addr) error {
	if err := node.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(node, "POST /v0/ingress HTTP/1.1\r\nHost: %s\r\nContent-Length: 0\r\n"+
		"Tailscale-Ingress-Src: %s\r\nTailscale-Ingress-Target: %s\r\n\r\n", door, visitor, target)
	if err != nil {
		return err
	}
	// The node says nothing more before it has the visitor's hello: nothing is lost in this buffer.
	res, err := http.ReadResponse(bufio.NewReader(node), nil)
	if err != nil {
		return fmt.Errorf("the node does not answer: %w", err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("the node refuses: %s", res.Status)
	}
	return node.SetDeadline(time.Time{})
}
