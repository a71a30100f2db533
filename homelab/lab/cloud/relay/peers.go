package relay

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"homelab/cloud/localapi"
)

// Peers knows at which door each node takes visitors: its peer API.
type Peers struct {
	status func(context.Context) (*localapi.Status, error)
	mu     sync.Mutex
	doors  map[string]netip.AddrPort
	asked  time.Time
}

// NewPeers asks tailscaled by status.
func NewPeers(status func(context.Context) (*localapi.Status, error)) *Peers {
	return &Peers{status: status}
}

// What we know may be this old; what we do not know is asked for more often, yet not by every visitor.
const (
	knownFor   = time.Second
	unknownFor = 50 * time.Millisecond
)

// door is where the node of that name takes visitors.
func (p *Peers) door(ctx context.Context, name string) (netip.AddrPort, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	age := time.Since(p.asked)
	if _, known := p.doors[name]; age > knownFor || !known && age > unknownFor {
		if err := p.ask(ctx); err != nil {
			return netip.AddrPort{}, err
		}
	}
	door, ok := p.doors[name]
	if !ok {
		return door, fmt.Errorf("no such funnel")
	}
	return door, nil
}

func (p *Peers) ask(ctx context.Context) error {
	s, err := p.status(ctx)
	if err != nil {
		return err
	}
	p.asked, p.doors = time.Now(), map[string]netip.AddrPort{}
	for _, n := range s.Peer {
		for _, url := range n.PeerAPIURL {
			if a, err := netip.ParseAddrPort(strings.TrimPrefix(url, "http://")); err == nil && a.Addr().Is4() {
				p.doors[n.Name()] = a
				break
			}
		}
	}
	return nil
}
