package control

import (
	"encoding/json"
	"net/netip"
	"slices"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/types/dnstype"

	"homelab/cloud/policy"
	"homelab/cloud/tailnet"
)

// What is shown of a node depends on who looks: this file turns the state into one node's view of it.

// self is the node as it sees itself.
func (s *Server) self(st *tailnet.State, n *tailnet.Node) *tailcfg.Node {
	out := s.node(st, n, n.ActiveRoutes())
	out.CapMap = capabilities(st, n)
	for c := range out.CapMap {
		out.Capabilities = append(out.Capabilities, c)
	}
	slices.Sort(out.Capabilities)
	return out
}

// node is a node with the routes that the looker may use.
func (s *Server) node(st *tailnet.State, n *tailnet.Node, routes []netip.Prefix) *tailcfg.Node {
	addrs := []netip.Prefix{netip.PrefixFrom(n.IPv4, 32), netip.PrefixFrom(n.IPv6(), 128)}
	online := s.net.Online(n.ID)
	out := &tailcfg.Node{
		ID: n.ID, StableID: n.StableID, Name: st.FQDN(n) + ".", User: n.User,
		Key: n.Key, KeyExpiry: n.KeyExpiry(), Machine: n.Machine, DiscoKey: n.Disco,
		Addresses: addrs, AllowedIPs: append(slices.Clone(addrs), routes...), PrimaryRoutes: subnets(routes),
		Endpoints: n.Endpoints, HomeDERP: n.HomeDERP, Hostinfo: n.Hostinfo.View(), Created: n.Created,
		Cap: n.Version, Tags: n.Tags, MachineAuthorized: n.Approved, Online: &online,
		Expired: n.Expired(time.Now()),
	}
	if len(n.Tags) > 0 {
		out.User = tailnet.TaggedUser.ID
	}
	if l := n.Exit; l != nil && n.Hostinfo != nil {
		h := n.Hostinfo.Clone()
		h.Location = &tailcfg.Location{Country: l.Country, CountryCode: l.CountryCode, City: l.City, CityCode: l.CityCode, Priority: 100}
		out.Hostinfo = h.View()
	}
	if !online && !n.LastSeen.IsZero() {
		seen := n.LastSeen
		out.LastSeen = &seen
	}
	return out
}

func subnets(routes []netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for _, r := range routes {
		if r.Bits() > 0 {
			out = append(out, r)
		}
	}
	return out
}

// capabilities are what the node may do, by the tailnet's settings and the policy's nodeAttrs.
func capabilities(st *tailnet.State, n *tailnet.Node) tailcfg.NodeCapMap {
	if n.Outside() {
		return tailcfg.NodeCapMap{}
	}
	caps := st.Policy().Attributes(st.Subject(n))
	caps[tailcfg.CapabilityFileSharing] = nil
	if u := st.User(n.User); len(n.Tags) == 0 && isAdmin(u) {
		caps[tailcfg.CapabilityAdmin] = nil
		caps[tailcfg.CapabilityOwner] = nil
		if u.Role != "owner" {
			delete(caps, tailcfg.CapabilityOwner)
		}
	}
	if st.Policy().SSH {
		caps[tailcfg.CapabilitySSH] = nil
		caps[tailcfg.NodeAttrSSHEnvironmentVariables] = nil // acceptEnv
	}
	if st.Settings.HTTPS {
		caps[tailcfg.CapabilityHTTPS] = nil
	}
	if _, ok := caps[tailcfg.NodeAttrFunnel]; ok {
		caps[tailcfg.CapabilityFunnelPorts+"?ports=443,8443,10000"] = nil
	}
	return caps
}

// peer is n as looker may see it; nil if it may not.
func (s *Server) peer(st *tailnet.State, looker, n *tailnet.Node) *tailcfg.Node {
	if looker.Outside() || n.Outside() {
		return s.outsider(st, looker, n)
	}
	if looker.Realm != n.Realm {
		return s.stranger(st, looker, n)
	}
	p, a, b := st.Policy(), st.Subject(looker), st.Subject(n)
	b.Routes = s.net.PrimaryRoutes(st, n)
	open, routes := p.Reaches(a, b)
	if !open && len(routes) == 0 {
		// It is there also for those whom it may reach.
		if back, backRoutes := p.Reaches(b, a); !back && len(backRoutes) == 0 {
			return nil
		}
	}
	return s.node(st, n, routes)
}

// dns is the DNS configuration of node n.
func dns(st *tailnet.State, n *tailnet.Node) *tailcfg.DNSConfig {
	out := &tailcfg.DNSConfig{Routes: map[string][]*dnstype.Resolver{}}
	if n.Outside() {
		return out
	}
	if st.DNS.MagicDNS {
		out.Proxied = true
		out.Domains = []string{st.Domain}
		out.Routes[st.Domain] = nil
	}
	out.Domains = append(out.Domains, st.DNS.SearchPaths...)
	for domain, addrs := range st.DNS.Split {
		out.Routes[domain] = resolvers(addrs)
	}
	if st.DNS.OverrideLocal {
		out.Resolvers = resolvers(st.DNS.Nameservers)
	} else {
		out.FallbackResolvers = resolvers(st.DNS.Nameservers)
	}
	if st.Settings.HTTPS && st.DNS.MagicDNS {
		out.CertDomains = []string{st.FQDN(n)}
	}
	return out
}

func resolvers(addrs []netip.Addr) []*dnstype.Resolver {
	var out []*dnstype.Resolver
	for _, a := range addrs {
		out = append(out, &dnstype.Resolver{Addr: a.String()})
	}
	return out
}

// filter is what n lets in.
func filter(st *tailnet.State, n *tailnet.Node) []tailcfg.FilterRule {
	if n.Outside() {
		return outsideFilter(st, n)
	}
	var all []policy.Subject
	for _, o := range st.Sorted() {
		all = append(all, st.Subject(o))
	}
	all = append(all, guests(st, n)...)
	return append(st.Policy().Filter(st.Subject(n), all), ingressGrant(st, n)...)
}

// same compares what goes over the wire.
func same(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(x) == string(y)
}
