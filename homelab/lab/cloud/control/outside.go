package control

import (
	"net/netip"
	"slices"

	"tailscale.com/tailcfg"

	"homelab/cloud/tailnet"
)

// outsider is how one of the two sees the other, where one belongs to no tailnet; nil if it does not.
func (s *Server) outsider(st *tailnet.State, looker, n *tailnet.Node) *tailcfg.Node {
	theirs, ours := n, looker
	if looker.Outside() {
		theirs, ours = looker, n
	}
	if ours.Outside() || !dealsWith(st, ours, theirs) {
		return nil
	}
	if looker.Outside() {
		return s.node(st, n, nil)
	}
	out := s.node(st, n, n.ActiveRoutes())
	// A front end may knock at the node's own door (its peer API), and nowhere else.
	out.UnsignedPeerAPIOnly = n.Ingress
	return out
}

// dealsWith tells whether the tailnet's node ours has a use for theirs, which is nobody's.
func dealsWith(st *tailnet.State, ours, theirs *tailnet.Node) bool {
	if theirs.Ingress {
		return ours.WantsIngress() && st.MayBePublic(ours)
	}
	return len(rented(st, ours, theirs)) > 0
}

// rented are the exit routes of a provider's node that ours may use: by its attribute, and by the policy.
func rented(st *tailnet.State, ours, theirs *tailnet.Node) []netip.Prefix {
	if _, ok := st.Policy().Attributes(st.Subject(ours))[tailnet.RentedExits]; !ok {
		return nil
	}
	to := st.Subject(theirs)
	_, routes := st.Policy().Reaches(st.Subject(ours), to)
	return routes
}

// ingressGrant lets the front ends of Funnel hand connections to n.
func ingressGrant(st *tailnet.State, n *tailnet.Node) []tailcfg.FilterRule {
	if !n.WantsIngress() || !st.MayBePublic(n) {
		return nil
	}
	var src []string
	for _, o := range st.Outsiders() {
		if o.Ingress {
			src = append(src, o.IPv4.String(), o.IPv6().String())
		}
	}
	if src == nil {
		return nil
	}
	var dst []netip.Prefix
	for _, a := range n.Addrs() {
		dst = append(dst, netip.PrefixFrom(a, a.BitLen()))
	}
	return []tailcfg.FilterRule{{SrcIPs: src, CapGrant: []tailcfg.CapGrant{{Dsts: dst,
		CapMap: tailcfg.PeerCapMap{tailcfg.PeerCapabilityIngress: nil}}}}}
}

// outsideFilter is what a node of nobody lets in: a provider's node carries its customers to the internet.
func outsideFilter(st *tailnet.State, n *tailnet.Node) []tailcfg.FilterRule {
	out := []tailcfg.FilterRule{}
	if n.Exit == nil {
		return out
	}
	var src []string
	for _, o := range st.Sorted() {
		if len(rented(st, o, n)) > 0 {
			src = append(src, o.IPv4.String(), o.IPv6().String())
		}
	}
	if src == nil {
		return out
	}
	var dst []tailcfg.NetPortRange
	for _, r := range n.ActiveRoutes() {
		dst = append(dst, tailcfg.NetPortRange{IP: r.String(), Ports: tailcfg.PortRangeAny})
	}
	return append(out, tailcfg.FilterRule{SrcIPs: src, DstPorts: dst})
}

// suggest marks the exit nodes that the client may propose: the tailnet's own ones, and only where
// there are none online, a provider's.
func suggest(n *tailcfg.Node, ownExit, isOutside bool) {
	if isOutside && ownExit || !slices.ContainsFunc(n.AllowedIPs, func(p netip.Prefix) bool { return p.Bits() == 0 }) {
		return
	}
	n.CapMap = tailcfg.NodeCapMap{tailcfg.NodeAttrSuggestExitNode: nil}
}

// ownExit tells whether an exit node of the tailnet's own is online.
func (s *Server) ownExit(st *tailnet.State) bool {
	return slices.ContainsFunc(st.Sorted(), func(n *tailnet.Node) bool {
		return s.net.Online(n.ID) && slices.ContainsFunc(n.ActiveRoutes(), func(p netip.Prefix) bool { return p.Bits() == 0 })
	})
}
