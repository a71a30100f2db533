package tailnet

import (
	"log"
	"sync"
	"time"

	"tailscale.com/tailcfg"
)

// An ephemeral node is removed this long after it went offline. The real service takes minutes
// to hours; a lesson cannot wait for that.
const (
	ephemeralGrace = 5 * time.Second
	// After the cloud was away, nodes need a moment to come back.
	ephemeralGraceAtStart = 30 * time.Second
)

// presence knows which nodes are connected, and wakes their map sessions.
type presence struct {
	t     *Tailnet
	mu    sync.Mutex
	nodes map[tailcfg.NodeID]map[chan struct{}]bool
	other map[chan struct{}]bool // who watches without being a node
}

func newPresence(t *Tailnet) *presence {
	return &presence{t: t, nodes: map[tailcfg.NodeID]map[chan struct{}]bool{}, other: map[chan struct{}]bool{}}
}

func (p *presence) wakeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, sessions := range p.nodes {
		for c := range sessions {
			wake(c)
		}
	}
	for c := range p.other {
		wake(c)
	}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it will look anyway
	}
}

// Watch gets a value after every change of anything, until leave.
func (t *Tailnet) Watch() (changed <-chan struct{}, leave func()) {
	p, c := t.presence, make(chan struct{}, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.other[c] = true
	return c, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.other, c)
	}
}

// Connect notes a session of the node. The channel gets a value after every change of anything;
// leave ends the session.
func (t *Tailnet) Connect(id tailcfg.NodeID) (changed <-chan struct{}, leave func()) {
	p := t.presence
	c := make(chan struct{}, 1)
	p.mu.Lock()
	first := len(p.nodes[id]) == 0
	if first {
		p.nodes[id] = map[chan struct{}]bool{}
	}
	p.nodes[id][c] = true
	p.mu.Unlock()
	if first {
		p.wakeAll()
	}
	return c, func() {
		p.mu.Lock()
		delete(p.nodes[id], c)
		last := len(p.nodes[id]) == 0
		if last {
			delete(p.nodes, id)
		}
		p.mu.Unlock()
		if last {
			t.seen(id)
			t.reapLater(id, ephemeralGrace)
		}
	}
}

// seen notes when the node was there last, and tells the others that it no longer is.
func (t *Tailnet) seen(id tailcfg.NodeID) {
	t.Touch(func(s *State) {
		if n := s.Edit(id); n != nil {
			n.LastSeen = time.Now().UTC()
		}
	})
}

// Online tells whether the node has a session.
func (t *Tailnet) Online(id tailcfg.NodeID) bool {
	p := t.presence
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.nodes[id]) > 0
}

// ReapEphemeral removes, after a grace, the ephemeral nodes that do not come back: for the start of the process.
func (t *Tailnet) ReapEphemeral() {
	for id := range t.View().Nodes {
		t.reapLater(id, ephemeralGraceAtStart)
	}
}

func (t *Tailnet) reapLater(id tailcfg.NodeID, grace time.Duration) {
	if n := t.View().Nodes[id]; n == nil || !n.Ephemeral {
		return
	}
	time.AfterFunc(grace, func() {
		if n := t.View().Nodes[id]; n == nil || !n.Ephemeral || t.Online(id) {
			return
		}
		if err := t.Update(func(s *State) error { s.Remove(id); return nil }); err != nil {
			log.Printf("cannot remove an ephemeral node: %v", err)
			t.reapLater(id, grace)
		}
	})
}
