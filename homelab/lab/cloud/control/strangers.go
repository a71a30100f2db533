package control

import (
	"net/netip"

	"tailscale.com/tailcfg"

	"homelab/cloud/policy"
	"homelab/cloud/tailnet"
)

// What crosses the border of a tailnet: one device, shared with one person. The policy of the
// device's own tailnet says what that person's devices reach on it; it reaches nothing of theirs.

// stranger is n of another tailnet as looker sees it; nil if it does not.
func (s *Server) stranger(st *tailnet.State, looker, n *tailnet.Node) *tailcfg.Node {
	if share := st.ShareBetween(looker, n); share != nil {
		routes, ok := sharedRoutes(st, looker, n, share)
		if !ok {
			return nil
		}
		out := s.node(st, n, routes)
		out.IsJailed = true
		if share.Sharer != out.User {
			out.Sharer = share.Sharer
		}
		return out
	}
	share := st.ShareBetween(n, looker)
	if share == nil {
		return nil
	}
	if _, ok := sharedRoutes(st, n, looker, share); !ok {
		return nil
	}
	out := s.node(st, n, nil)
	if n.Hostinfo != nil {
		h := n.Hostinfo.Clone()
		h.ShareeNode = true
		out.Hostinfo = h.View()
	}
	return out
}

// sharedRoutes are the exit routes of a shared device that its invitee may use, and whether anything of it is open to them.
func sharedRoutes(st *tailnet.State, invitee, shared *tailnet.Node, share *tailnet.Share) (routes []netip.Prefix, open bool) {
	theirs := st.In(shared.Realm)
	open, all := theirs.Policy().Reaches(theirs.Subject(invitee), theirs.Subject(shared))
	for _, r := range all {
		if share.AllowExit && r.Bits() == 0 {
			routes = append(routes, r)
		}
	}
	return routes, open || len(routes) > 0
}

// guests are the devices of other tailnets that may come to n.
func guests(st *tailnet.State, n *tailnet.Node) []policy.Subject {
	var out []policy.Subject
	for _, o := range st.Strangers(n) {
		if st.ShareBetween(o, n) != nil {
			out = append(out, st.Subject(o))
		}
	}
	return out
}
