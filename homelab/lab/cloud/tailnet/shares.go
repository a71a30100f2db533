package tailnet

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/util/rands"
)

type (
	userID = tailcfg.UserID
	nodeID = tailcfg.NodeID
)

// Invite offers one device to a person of another tailnet.
type Invite struct {
	ID        string
	Code      string // the end of the address that is sent
	Node      nodeID
	Sharer    userID
	Email     string
	MultiUse  bool
	AllowExit bool
	Created   time.Time
	Accepted  []userID
}

// Share is an invitation that was accepted: the device appears among the person's own.
type Share struct {
	Node      nodeID
	With      userID
	Sharer    userID
	AllowExit bool
}

// NewInvite makes an invitation.
func (s *State) NewInvite(i Invite, now time.Time) *Invite {
	i.ID, i.Code, i.Created = fmt.Sprint(hashOf("invite", rands.HexString(8), 0)%9e14+1e14), rands.HexString(11), now.UTC()
	s.Invites[i.ID] = &i
	return &i
}

// InviteByCode finds an invitation by the end of its address, or by all of it.
func (s *State) InviteByCode(code string) *Invite {
	code = code[strings.LastIndex(code, "/")+1:]
	for _, i := range s.Invites {
		if i.Code == code {
			return i
		}
	}
	return nil
}

// Accept shares the device with a person. The error is for that person to read.
func (s *State) Accept(code string, who *User) (*Share, error) {
	i, root := s.InviteByCode(code), s.root()
	switch {
	case i == nil || root.Nodes[i.Node] == nil:
		return nil, errors.New("this invitation does not exist (any more)")
	case root.Nodes[i.Node].Realm == who.Realm:
		return nil, errors.New("this device is in your own tailnet already")
	case i.Email != "" && i.Email != who.Login:
		return nil, fmt.Errorf("this invitation is for %s", i.Email)
	case len(i.Accepted) > 0 && !i.MultiUse:
		return nil, errors.New("this invitation was used already")
	}
	c := *i
	c.Accepted = append(slices.Clone(i.Accepted), who.ID)
	s.Invites[i.ID] = &c
	share := Share{Node: i.Node, With: who.ID, Sharer: i.Sharer, AllowExit: i.AllowExit}
	s.Unshare(i.Node, who.ID)
	s.Shares = append(s.Shares, share)
	return &share, nil
}

// Unshare takes a device back from a person; from all of them if with is zero.
func (s *State) Unshare(node nodeID, with userID) {
	s.Shares = slices.DeleteFunc(slices.Clone(s.Shares), func(x Share) bool {
		return x.Node == node && (with == 0 || x.With == with)
	})
}

// SharedWith are the people with whom the node is shared.
func (s *State) SharedWith(id nodeID) []*User {
	var out []*User
	for _, x := range s.Shares {
		if u := s.root().Users[x.With]; x.Node == id && u != nil {
			out = append(out, u)
		}
	}
	return out
}

// ShareBetween is the share by which person's device n reaches the shared node; nil if there is none.
func (s *State) ShareBetween(n, shared *Node) *Share {
	for i := range s.Shares {
		if x := &s.Shares[i]; x.Node == shared.ID && x.With == n.User && len(n.Tags) == 0 {
			return x
		}
	}
	return nil
}

// Strangers are the nodes of other tailnets that n has to do with: devices shared with its person,
// and, for a shared device, those of the people that it is shared with.
func (s *State) Strangers(n *Node) []*Node {
	if len(s.Shares) == 0 || n.Outside() {
		return nil
	}
	var out []*Node
	for _, o := range s.root().Nodes {
		if o.Realm != n.Realm && !o.Outside() && (s.ShareBetween(n, o) != nil || s.ShareBetween(o, n) != nil) {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b *Node) int { return int(a.ID - b.ID) })
	return out
}
