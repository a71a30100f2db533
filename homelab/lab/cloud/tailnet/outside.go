package tailnet

import (
	"net/netip"
	"slices"

	"tailscale.com/tailcfg"
)

// Some nodes belong to no tailnet: front ends of Funnel, and exit nodes that a VPN provider rents
// out. A tailnet's nodes see them when they have a use for them; its people do not manage them.

// Location is where a provider's exit node stands.
type Location struct{ Country, CountryCode, City, CityCode string }

// Tags and domains of the real ones, so that the client shows them as it would.
const (
	ingressTag  = "tag:funnel-ingress-node"
	providerTag = "tag:mullvad-exit-node"

	ingressDomain  = "ingress.ts.net"
	providerDomain = "mullvad.ts.net"
)

// RentedExits is the node attribute of those who may use a provider's exit nodes.
const RentedExits = tailcfg.NodeCapability("mullvad")

// Addresses of outsiders: no filter rule may name those of Funnel's front ends, so everybody's
// do not contain them.
var outside = netip.MustParsePrefix("100.127.0.0/16")

// Outside tells whether the node belongs to no tailnet.
func (n *Node) Outside() bool { return n.Ingress || n.Exit != nil }

// Outsiders are the nodes of nobody, by id.
func (s *State) Outsiders() []*Node {
	var out []*Node
	for _, n := range s.Nodes {
		if n.Outside() {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b *Node) int { return int(a.ID - b.ID) })
	return out
}

// WantsIngress tells whether the node shows something to the internet, or is about to.
func (n *Node) WantsIngress() bool {
	return !n.Outside() && n.Hostinfo != nil && (n.Hostinfo.IngressEnabled || n.Hostinfo.WireIngress)
}

// MayBePublic tells whether the policy in force lets the node show something to the internet. Taken
// away, it ends also what is public already.
func (s *State) MayBePublic(n *Node) bool {
	_, ok := s.Policy().Attributes(s.Subject(n))[tailcfg.NodeAttrFunnel]
	return ok && !n.Outside()
}

// beOutside makes of a node that joined by such a key what it is.
func (n *Node) beOutside(k *Key) {
	if k == nil || !k.Outside() {
		return
	}
	n.Ingress, n.Exit, n.Approved, n.User = k.Ingress, k.Exit, true, TaggedUser.ID
	n.Tags = []string{ingressTag}
	if n.Exit != nil {
		n.Tags = []string{providerTag}
	}
}

// offersExit is what a provider's node offers: nobody needs to approve it.
func (n *Node) offersExit() []netip.Prefix {
	var out []netip.Prefix
	for _, r := range n.Advertised() {
		if r.Bits() == 0 {
			out = append(out, r)
		}
	}
	return out
}

// Outside tells whether the key lets in nodes of nobody.
func (k *Key) Outside() bool { return k.Ingress || k.Exit != nil }
