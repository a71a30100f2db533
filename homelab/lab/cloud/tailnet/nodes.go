package tailnet

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/types/key"

	"homelab/cloud/policy"
)

// Node is a machine that has joined.
type Node struct {
	ID        tailcfg.NodeID
	StableID  tailcfg.StableNodeID
	Label     string // its name in the tailnet
	Renamed   bool   // by hand: then its host name is not followed
	Machine   key.MachinePublic
	Key       key.NodePublic
	Disco     key.DiscoPublic
	User      tailcfg.UserID // who brought it
	Realm     string         `json:",omitempty"` // id of its tailnet
	Tags      []string
	AuthKey   string // id of the key it came by
	Ephemeral bool
	Approved  bool // by an admin, where devices need it
	IPv4      netip.Addr
	Created   time.Time
	LastSeen  time.Time
	Checked   time.Time // its person has passed a check of an ssh rule
	// Expiry is the moment its key stops to be good; NoExpiry keeps it good for ever.
	Expiry   time.Time
	NoExpiry bool
	// Of nodes that belong to no tailnet:
	Ingress bool
	Exit    *Location
	// Expired by hand or by logout: holds also for a node whose key needs no renewal.
	ExpiredAt time.Time
	Routes    []netip.Prefix // that an admin or an autoApprover has approved
	// What the node says of itself:
	Hostinfo  *tailcfg.Hostinfo
	Endpoints []netip.AddrPort
	HomeDERP  int
	Version   tailcfg.CapabilityVersion
}

// KeyExpiry is the moment the node must log in again: zero is never.
func (n *Node) KeyExpiry() time.Time {
	if !n.ExpiredAt.IsZero() {
		return n.ExpiredAt
	}
	if n.NoExpiry {
		return time.Time{}
	}
	return n.Expiry
}

// Expired tells whether the node must log in again.
func (n *Node) Expired(now time.Time) bool {
	e := n.KeyExpiry()
	return !e.IsZero() && !e.After(now)
}

// Advertised are the routes that the node offers.
func (n *Node) Advertised() []netip.Prefix {
	if n.Hostinfo == nil {
		return nil
	}
	return n.Hostinfo.RoutableIPs
}

// ActiveRoutes are the routes that it offers and that are approved.
func (n *Node) ActiveRoutes() []netip.Prefix {
	if n.Outside() {
		return n.offersExit()
	}
	var out []netip.Prefix
	for _, r := range n.Advertised() {
		if slices.Contains(n.Routes, r) {
			out = append(out, r)
		}
	}
	return out
}

// Addrs are its addresses in the tailnet.
func (n *Node) Addrs() []netip.Addr { return []netip.Addr{n.IPv4, n.IPv6()} }

// FQDN is the node's full name, without the trailing dot.
func (s *State) FQDN(n *Node) string {
	switch {
	case n.Ingress:
		return n.Label + "." + ingressDomain
	case n.Exit != nil:
		return n.Label + "." + providerDomain
	}
	return n.Label + "." + s.realmOf(n.Realm).Domain
}

// Subject is the node as the policy sees it.
func (s *State) Subject(n *Node) policy.Subject {
	u := s.User(n.User)
	if n.Realm != s.ID && !n.Outside() { // it counts for its person, and for nothing else
		return policy.Subject{User: u.Login, Shared: true, Addrs: n.Addrs()}
	}
	return policy.Subject{User: u.Login, Role: u.Role, Tags: n.Tags, Addrs: n.Addrs(), Routes: n.ActiveRoutes()}
}

// Join is what a registration asks for, once it is known who stands behind it.
type Join struct {
	Machine     key.MachinePublic
	Key, OldKey key.NodePublic
	User        tailcfg.UserID
	Tags        []string
	AuthKey     string
	Ephemeral   bool
	Approved    bool
	Hostinfo    *tailcfg.Hostinfo
	Version     tailcfg.CapabilityVersion
}

// Join lets a node in: the machine's own node again (same id and address) if it had one, else a new one.
func (s *State) Join(j Join, now time.Time) *Node {
	n := s.sameNode(j)
	if n == nil {
		label := s.freeLabel(Label(j.Hostinfo.Hostname), 0, s.ID)
		id := s.newNodeID(label)
		n = &Node{ID: id, StableID: stableID(id), Label: label, Realm: s.ID, Created: now.UTC()}
		n.beOutside(s.Keys[j.AuthKey])
		n.IPv4 = s.newIPv4(label, n.Outside())
		s.Nodes[id] = n
	} else {
		n = s.Edit(n.ID)
	}
	n.Machine, n.Key, n.User, n.Tags, n.AuthKey = j.Machine, j.Key, j.User, j.Tags, j.AuthKey
	n.Ephemeral, n.Hostinfo, n.Version = j.Ephemeral, j.Hostinfo, j.Version
	n.Approved = j.Approved || n.Approved || !s.Settings.DeviceApproval
	n.ExpiredAt, n.NoExpiry = time.Time{}, n.NoExpiry || len(j.Tags) > 0
	n.Expiry = now.Add(time.Duration(s.Settings.KeyDurationDays) * 24 * time.Hour).UTC()
	n.beOutside(s.Keys[j.AuthKey])
	s.follow(n)
	s.autoApprove(n)
	delete(s.Removed, j.Key)
	return n
}

// sameNode is the node that the machine had before: by the key it renews, or by machine and owner.
func (s *State) sameNode(j Join) *Node {
	for _, n := range s.Nodes {
		if n.Machine == j.Machine && (n.Key == j.Key || !j.OldKey.IsZero() && n.Key == j.OldKey) {
			return n
		}
	}
	for _, n := range s.Sorted() {
		tagged := len(n.Tags) > 0
		if n.Machine == j.Machine && tagged == (len(j.Tags) > 0) && (tagged || n.User == j.User) {
			return n
		}
	}
	return nil
}

// follow gives the node the name of its host, unless it was named by hand.
func (s *State) follow(n *Node) {
	if n.Renamed || n.Hostinfo == nil {
		return
	}
	want := Label(n.Hostinfo.Hostname)
	if n.Label != want {
		n.Label = s.freeLabel(want, n.ID, n.Realm)
	}
}

// Report is what a node says of itself from time to time.
type Report struct {
	Disco     key.DiscoPublic
	Endpoints []netip.AddrPort
	Hostinfo  *tailcfg.Hostinfo
	Version   tailcfg.CapabilityVersion
}

// Heard takes in a report.
func (s *State) Heard(id tailcfg.NodeID, r Report) {
	n := s.Edit(id)
	if n == nil {
		return
	}
	n.Disco, n.Endpoints, n.Version = r.Disco, r.Endpoints, r.Version
	n.LastSeen = time.Now().UTC() // for the case that nobody is there to see it go
	if r.Hostinfo != nil {
		n.Hostinfo = r.Hostinfo
		if ni := r.Hostinfo.NetInfo; ni != nil && ni.PreferredDERP != 0 {
			n.HomeDERP = ni.PreferredDERP
		}
		s.follow(n)
		s.autoApprove(n)
	}
}

// Remove deletes the node, and remembers it for the node's sake.
func (s *State) Remove(id tailcfg.NodeID) {
	n := s.Nodes[id]
	if n == nil {
		return
	}
	delete(s.Nodes, id)
	s.Unshare(id, 0)
	s.Removed[n.Key] = Removed{Machine: n.Machine, Label: n.Label, IPv4: n.IPv4, ID: n.ID, At: time.Now().UTC()}
	s.forgetRemoved()
}

// Longer than this nobody needs to be reminded of, and the list does not grow for ever.
const removedKept = 500

func (s *State) forgetRemoved() {
	for len(s.Removed) > removedKept {
		var oldest key.NodePublic
		for k, r := range s.Removed {
			if oldest.IsZero() || r.At.Before(s.Removed[oldest].At) {
				oldest = k
			}
		}
		delete(s.Removed, oldest)
	}
}

// Expire makes the node log in again.
func (s *State) Expire(id tailcfg.NodeID, now time.Time) {
	if n := s.Edit(id); n != nil && !n.Expired(now) {
		n.ExpiredAt = now.Add(-time.Second).UTC()
	}
}

// Rename names the node by hand; an empty name lets it follow its host name again.
func (s *State) Rename(id tailcfg.NodeID, name string) {
	n := s.Edit(id)
	if n == nil {
		return
	}
	n.Renamed = name != ""
	if n.Renamed {
		n.Label = s.freeLabel(Label(name), id, n.Realm)
	} else {
		s.follow(n)
	}
}

// autoApprove approves the routes that the policy lets this node have by itself.
func (s *State) autoApprove(n *Node) {
	var add []netip.Prefix
	p, who := s.realmOf(n.Realm).policy, s.In(n.Realm).Subject(n)
	for _, r := range n.Advertised() {
		if !slices.Contains(n.Routes, r) && p.AutoApproves(who, r) {
			add = append(add, r)
		}
	}
	if add != nil {
		n.Routes = append(slices.Clone(n.Routes), add...)
	}
}

// SetPolicy puts a policy in force.
func (s *State) SetPolicy(text string, p *policy.Policy) {
	s.PolicyText, s.policy = text, p
	for id := range s.Nodes {
		s.autoApprove(s.Edit(id))
	}
}

// SetIPv4 gives the node another address.
func (s *State) SetIPv4(id tailcfg.NodeID, a netip.Addr) error {
	n := s.Edit(id)
	if n == nil || n.IPv4 == a {
		return nil
	}
	if !a.Is4() || !s.ipv4Free(a) || outside.Contains(a) {
		return fmt.Errorf("%s cannot be given: it must be a free address of 100.64.0.0/10, and some of these are reserved", a)
	}
	n.IPv4 = a
	return nil
}
