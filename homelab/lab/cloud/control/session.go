package control

import (
	"net/netip"
	"slices"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/types/key"

	"homelab/cloud/policy"
	"homelab/cloud/tailnet"
)

// session remembers what one map stream has sent, so that only news is sent next.
type session struct {
	s     *Server
	id    tailcfg.NodeID
	key   key.NodePublic
	first bool
	over  bool // nothing more is to come
	last  tailcfg.MapResponse
	peers map[tailcfg.NodeID]shown
	users map[tailcfg.UserID]tailcfg.UserProfile
}

// shown is what a peer looked like when it was sent last: equal means nothing to send.
type shown struct {
	n       *tailnet.Node
	self    *tailnet.Node
	online  bool
	expired bool
	policy  *policy.Policy
	domain  string
	shares  int    // how many there are: one more or less may show or hide it
	primary string // routes through it
	visible bool
	ownExit bool // there is an exit node of the tailnet's own
}

func newSession(s *Server, id tailcfg.NodeID, k key.NodePublic) *session {
	return &session{s: s, id: id, key: k, first: true, peers: map[tailcfg.NodeID]shown{}, users: map[tailcfg.UserID]tailcfg.UserProfile{}}
}

// next is the news since the last call; nil if there is none.
func (m *session) next() *tailcfg.MapResponse {
	st := m.s.net.View()
	n := st.Nodes[m.id]
	if n != nil {
		st = st.In(n.Realm)
	}
	if n == nil {
		m.over = true
		return m.s.tombstone(st, m.key, st.Removed[m.key])
	}
	if n.Key != m.key { // it has a new key, and a new stream
		m.over = true
		return nil
	}
	res := &tailcfg.MapResponse{}
	news := m.about(st, n, res)
	news = m.others(st, n, res) || news
	if m.first {
		now := time.Now()
		res.ControlTime, res.DERPMap, res.CollectServices = &now, m.s.relays, "false"
		m.first = false
		return res
	}
	if !news {
		return nil
	}
	return res
}

// about puts the news about the node itself into res.
func (m *session) about(st *tailnet.State, n *tailnet.Node, res *tailcfg.MapResponse) (news bool) {
	if self := m.s.self(st, n); !same(self, m.last.Node) {
		res.Node, m.last.Node, news = self, self, true
	}
	if d := dns(st, n); !same(d, m.last.DNSConfig) {
		res.DNSConfig, m.last.DNSConfig, news = d, d, true
	}
	if f := filter(st, n); m.first || !same(f, m.last.PacketFilter) {
		res.PacketFilters = map[string][]tailcfg.FilterRule{"base": f}
		m.last.PacketFilter, news = f, true
	}
	if st.Domain != m.last.Domain {
		res.Domain, m.last.Domain, news = st.Domain, st.Domain, true
	}
	if p := sshPolicy(st, n); m.first || !same(p, m.last.SSHPolicy) {
		res.SSHPolicy, m.last.SSHPolicy, news = p, p, true
	}
	m.profile(st, n, res)
	return news || len(res.UserProfiles) > 0
}

// others puts the news about peers into res.
func (m *session) others(st *tailnet.State, n *tailnet.Node, res *tailcfg.MapResponse) (news bool) {
	now := time.Now()
	mine := selfOf(n)
	present := map[tailcfg.NodeID]bool{}
	var changed []*tailcfg.Node
	if !n.Expired(now) && n.Approved {
		ownExit := m.s.ownExit(st)
		for _, o := range slices.Concat(st.Sorted(), st.Outsiders(), st.Strangers(n)) {
			if o.ID == n.ID || !o.Approved {
				continue
			}
			look := shown{n: o, self: mine(m.peers[o.ID].self), online: m.s.net.Online(o.ID), expired: o.Expired(now),
				policy: st.In(o.Realm).Policy(), domain: st.FQDN(o), shares: len(st.Shares), primary: text(m.s.net.PrimaryRoutes(st, o)), ownExit: ownExit}
			was, known := m.peers[o.ID]
			look.visible = was.visible
			if known && look == was {
				present[o.ID] = was.visible
				continue
			}
			p := m.s.peer(st, n, o)
			look.visible = p != nil
			m.peers[o.ID] = look
			if p != nil {
				suggest(p, ownExit, o.Outside())
				present[o.ID] = true
				changed = append(changed, p)
				m.profile(st, o, res)
			} else if was.visible {
				res.PeersRemoved = append(res.PeersRemoved, o.ID)
			}
		}
	}
	for id, was := range m.peers {
		if was.visible && !present[id] && !slices.Contains(res.PeersRemoved, id) {
			res.PeersRemoved = append(res.PeersRemoved, id)
		}
		if !present[id] && (st.Nodes[id] == nil || n.Expired(now) || !n.Approved) {
			delete(m.peers, id)
		}
	}
	slices.Sort(res.PeersRemoved)
	if m.first {
		res.Peers = changed
	} else {
		res.PeersChanged = changed
	}
	return len(changed) > 0 || len(res.PeersRemoved) > 0
}

// selfOf gives back the node that decided over visibility before, if n decides alike: a new end
// point of the looker is no reason to send all peers again.
func selfOf(n *tailnet.Node) func(before *tailnet.Node) *tailnet.Node {
	return func(before *tailnet.Node) *tailnet.Node {
		if before != nil && before.User == n.User && before.IPv4 == n.IPv4 && slices.Equal(before.Tags, n.Tags) &&
			before.WantsIngress() == n.WantsIngress() && slices.Equal(before.ActiveRoutes(), n.ActiveRoutes()) {
			return before
		}
		return n
	}
}

func text(routes []netip.Prefix) string {
	var s string
	for _, r := range routes {
		s += r.String() + " "
	}
	return s
}

// profile adds the node's owner, if the stream has not sent this profile yet.
func (m *session) profile(st *tailnet.State, n *tailnet.Node, res *tailcfg.MapResponse) {
	u := st.User(n.User)
	if len(n.Tags) > 0 {
		u = &tailnet.TaggedUser
	}
	p := u.Profile()
	if before, ok := m.users[u.ID]; !ok || !before.Equal(&p) {
		m.users[u.ID] = p
		res.UserProfiles = append(res.UserProfiles, p)
	}
}

// untilExpiry is the time until the next key runs out, for then something changes with nobody's doing.
func (m *session) untilExpiry() time.Duration {
	now, wait := time.Now(), time.Hour
	for _, n := range m.s.net.View().Nodes {
		if e := n.KeyExpiry(); !e.IsZero() && e.After(now) {
			wait = min(wait, e.Sub(now)+time.Millisecond)
		}
	}
	return wait
}

// tombstone tells a removed node that its key has expired: it then asks to log in.
func (s *Server) tombstone(st *tailnet.State, k key.NodePublic, gone tailnet.Removed) *tailcfg.MapResponse {
	addr := gone.IPv4
	if !addr.IsValid() {
		addr = netip.AddrFrom4([4]byte{100, 64, 0, 1})
	}
	return &tailcfg.MapResponse{
		Node: &tailcfg.Node{ID: gone.ID, Name: gone.Label + "." + st.Domain + ".", Key: k, Machine: gone.Machine,
			Addresses:  []netip.Prefix{netip.PrefixFrom(addr, 32)},
			AllowedIPs: []netip.Prefix{netip.PrefixFrom(addr, 32)},
			KeyExpiry:  time.Now().Add(-time.Minute), Expired: true},
		PacketFilters: map[string][]tailcfg.FilterRule{"base": {}},
		Domain:        st.Domain,
		// Without relays the node would hang up on its own, and not call again once it is back in.
		DERPMap:         s.relays,
		CollectServices: "false",
	}
}
