// Package tailnet is what the cloud knows: people, nodes, keys, settings, policy. A State is
// never changed in place: a change makes the next State, saves it, and only then shows it.
package tailnet

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/types/key"

	"homelab/cloud/policy"
)

// Schema of the state file. Raise it when an older file cannot be read as it is.
const Schema = 1

// State is everything that outlives the process. Values behind its maps and slices are shared
// between one State and the next: replace them, never write into them (see Edit).
type State struct {
	Schema int
	Realm  // the home tailnet
	Others map[string]*Realm

	Noise     key.MachinePrivate
	RelayKeys []key.NodePrivate
	Users     map[tailcfg.UserID]*User
	Nodes     map[tailcfg.NodeID]*Node
	Removed   map[key.NodePublic]Removed
	Keys      map[string]*Key
	Logins    map[string]*Login
	Checks    map[string]*Check
	Invites   map[string]*Invite
	Shares    []Share
	Events    []Event
	// Texts are the ACME challenges that nodes have set in public DNS.
	Texts map[string][]string

	whole *State // of a view of one tailnet
}

// User is a person.
type User struct {
	ID       tailcfg.UserID
	Login    string
	Name     string
	Role     string // owner, admin, member …
	Realm    string `json:",omitempty"` // id of their tailnet
	Created  time.Time
	LastSeen time.Time
}

// TaggedUser is who owns nodes that have tags.
var TaggedUser = User{ID: 1 << 50, Login: "tagged-devices", Name: "Tagged Devices", Role: "tagged"}

// Settings are those of the tailnet's settings page.
type Settings struct {
	HTTPS           bool
	DeviceApproval  bool
	KeyDurationDays int
}

// DNS is what the DNS page holds.
type DNS struct {
	MagicDNS      bool
	OverrideLocal bool
	Nameservers   []netip.Addr
	SearchPaths   []string
	Split         map[string][]netip.Addr
}

// Removed remembers a node that was deleted, for the node itself may not know it yet.
type Removed struct {
	Machine key.MachinePublic
	Label   string
	IPv4    netip.Addr
	ID      tailcfg.NodeID
	At      time.Time
}

// Policy is the policy in force.
func (s *State) Policy() *policy.Policy { return s.policy }

// clone is the next State, still equal to s.
func (s *State) clone() *State {
	c := *s
	c.Users = maps.Clone(s.Users)
	c.Nodes = maps.Clone(s.Nodes)
	c.Removed = maps.Clone(s.Removed)
	c.Keys = maps.Clone(s.Keys)
	c.Logins = maps.Clone(s.Logins)
	c.Others = maps.Clone(s.Others)
	c.Invites = maps.Clone(s.Invites)
	c.Checks = maps.Clone(s.Checks)
	c.Texts = maps.Clone(s.Texts)
	return &c
}

// fill makes the maps that an empty or trimmed file has not.
func (s *State) fill() {
	if s.Users == nil {
		s.Users = map[tailcfg.UserID]*User{}
	}
	if s.Nodes == nil {
		s.Nodes = map[tailcfg.NodeID]*Node{}
	}
	if s.Removed == nil {
		s.Removed = map[key.NodePublic]Removed{}
	}
	if s.Keys == nil {
		s.Keys = map[string]*Key{}
	}
	if s.Logins == nil {
		s.Logins = map[string]*Login{}
	}
	if s.Others == nil {
		s.Others = map[string]*Realm{}
	}
	if s.Invites == nil {
		s.Invites = map[string]*Invite{}
	}
	if s.Checks == nil {
		s.Checks = map[string]*Check{}
	}
	if s.Texts == nil {
		s.Texts = map[string][]string{}
	}
}

// Edit is a copy of the node, put in its place in s: write into that one.
func (s *State) Edit(id tailcfg.NodeID) *Node {
	n := s.Nodes[id]
	if n == nil {
		return nil
	}
	c := *n
	s.Nodes[id] = &c
	return &c
}

// Sorted are the nodes of the tailnet by id.
func (s *State) Sorted() []*Node {
	var out []*Node
	for _, n := range s.Nodes {
		if !n.Outside() {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b *Node) int { return int(a.ID - b.ID) })
	return out
}

// ByKey finds a node by its node key.
func (s *State) ByKey(k key.NodePublic) *Node {
	for _, n := range s.Nodes {
		if n.Key == k {
			return n
		}
	}
	return nil
}

// UserByLogin finds a person.
func (s *State) UserByLogin(login string) *User {
	for _, u := range s.Users {
		if u.Login == login && u.Realm == s.ID {
			return u
		}
	}
	return nil
}

// Owner is the person whom the tailnet belongs to.
func (s *State) Owner() *User {
	for _, u := range s.Users {
		if u.Role == "owner" && u.Realm == s.ID {
			return u
		}
	}
	return nil
}

// User is the person of that id; nodes with tags have a pseudo-person.
func (s *State) User(id tailcfg.UserID) *User {
	if u := s.Users[id]; u != nil {
		return u
	}
	if u := s.root().Users[id]; u != nil {
		return u
	}
	return &TaggedUser
}
