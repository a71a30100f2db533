package tailnet

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"tailscale.com/tailcfg"
)

// primaries remembers which of several routers to one network is in use: it stays so while it is online.
type primaries struct {
	mu sync.Mutex
	of map[realmRoute]tailcfg.NodeID
}

type realmRoute struct {
	realm string
	route netip.Prefix
}

// PrimaryRoutes are the active subnet routes that go through n. Exit routes are everybody's own.
func (t *Tailnet) PrimaryRoutes(s *State, n *Node) []netip.Prefix {
	var out []netip.Prefix
	for _, r := range n.ActiveRoutes() {
		if r.Bits() == 0 || t.primary(s, r) == n.ID {
			out = append(out, r)
		}
	}
	return out
}

func (t *Tailnet) primary(s *State, r netip.Prefix) tailcfg.NodeID {
	now := time.Now()
	var routers, online []tailcfg.NodeID
	for _, n := range s.Nodes {
		if slices.Contains(n.ActiveRoutes(), r) && !n.Expired(now) {
			routers = append(routers, n.ID)
			if t.Online(n.ID) {
				online = append(online, n.ID)
			}
		}
	}
	choose := online
	if len(choose) == 0 {
		choose = routers
	}
	if len(choose) == 0 {
		return 0
	}
	p := &t.primaries
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil {
		p.of = map[realmRoute]tailcfg.NodeID{}
	}
	key := realmRoute{s.ID, r}
	if !slices.Contains(choose, p.of[key]) {
		p.of[key] = slices.Min(choose)
	}
	return p.of[key]
}
