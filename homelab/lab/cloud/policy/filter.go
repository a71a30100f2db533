package policy

import (
	"net/netip"
	"slices"

	"go4.org/netipx"
	"tailscale.com/tailcfg"
)

// The addresses that nodes can have: see tailnet.newIPv4. Front ends of Funnel live outside,
// for a client discards a filter that names them.
var everyNode = []string{"100.64.0.0-100.115.91.255", "100.115.94.0-100.126.255.255", "fd7a:115c:a1e0::-fd7a:115c:a1e0:ab12:4843:cd96:627e:ffff"}

// internet is everything that is neither private nor the tailnet.
var internet = func() []netip.Prefix {
	var b netipx.IPSetBuilder
	b.AddPrefix(netip.MustParsePrefix("0.0.0.0/0"))
	b.AddPrefix(netip.MustParsePrefix("2000::/3"))
	for _, p := range []string{"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3"} {
		b.RemovePrefix(netip.MustParsePrefix(p))
	}
	set, err := b.IPSet()
	if err != nil {
		panic(err) // constants
	}
	return set.Prefixes()
}()

func prefixesOf(addrs []netip.Addr) []netip.Prefix {
	var out []netip.Prefix
	for _, a := range addrs {
		out = append(out, netip.PrefixFrom(a, a.BitLen()))
	}
	return out
}

// reach are the destinations on node n that the selector means: its own addresses, or networks behind it.
func (p *Policy) reach(x selector, n *Subject) []netip.Prefix {
	exit := slices.ContainsFunc(n.Routes, func(r netip.Prefix) bool { return r.Bits() == 0 })
	switch {
	case x.kind == selAny:
		return append(prefixesOf(n.Addrs), n.Routes...)
	case x.kind == selAuto && x.name == "internet":
		if exit {
			return internet
		}
		return nil
	case x.kind == selPrefix:
		var out []netip.Prefix
		for _, a := range n.Addrs {
			if x.prefix.Contains(a) {
				out = append(out, netip.PrefixFrom(a, a.BitLen()))
			}
		}
		for _, r := range n.Routes {
			switch {
			case !r.Overlaps(x.prefix):
			case r.Bits() >= x.prefix.Bits():
				out = append(out, r)
			default:
				out = append(out, x.prefix)
			}
		}
		slices.SortFunc(out, netip.Prefix.Compare)
		return slices.Compact(out)
	case p.picks(x, n):
		return prefixesOf(n.Addrs)
	}
	return nil
}

// onlyOwn tells whether the selector means, for n, its owner's devices only.
func onlyOwn(x selector) bool { return x.kind == selAuto && x.name == "self" }

// destinations are what the target opens on n to those of its owner (own) and to all others that the rule names.
func (p *Policy) destinations(x selector, n *Subject) (dst []netip.Prefix, own bool) {
	if onlyOwn(x) {
		if n.tagged() {
			return nil, true
		}
		return prefixesOf(n.Addrs), true
	}
	return p.reach(x, n), false
}

// sources are the addresses that the rule's src stands for; with own, only devices of n's owner.
func (p *Policy) sources(r *rule, all []Subject, n *Subject, own bool) []string {
	var out []string
	for _, x := range r.src {
		if !own {
			switch {
			case x.kind == selAuto && x.name == "danger-all":
				return []string{"*"}
			case x.kind == selAny:
				out = append(out, everyNode...)
				for i := range all { // what arrives from a subnet without address translation
					for _, route := range all[i].Routes {
						if route.Bits() > 0 {
							out = append(out, route.String())
						}
					}
				}
				continue
			case x.kind == selPrefix:
				out = append(out, x.prefix.String())
				continue
			}
		}
		for i := range all {
			s := &all[i]
			if p.picks(x, s) && (!own || !s.tagged() && s.User == n.User) {
				for _, a := range s.Addrs {
					out = append(out, a.String())
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Filter is what node n lets in, all being the nodes of the tailnet (n too).
func (p *Policy) Filter(n Subject, all []Subject) []tailcfg.FilterRule {
	out := []tailcfg.FilterRule{}
	for i := range p.rules {
		r := &p.rules[i]
		for _, t := range r.dst {
			dst, own := p.destinations(t.sel, &n)
			if len(dst) == 0 {
				continue
			}
			src := p.sources(r, all, &n, own)
			if len(src) == 0 {
				continue
			}
			out = append(out, portRules(src, dst, t.ports)...)
			if r.app != nil {
				out = append(out, tailcfg.FilterRule{SrcIPs: src, CapGrant: []tailcfg.CapGrant{{Dsts: dst, CapMap: r.app}}})
			}
		}
	}
	return out
}

// portRules has one rule for each set of protocols.
func portRules(src []string, dst []netip.Prefix, open []ports) []tailcfg.FilterRule {
	var out []tailcfg.FilterRule
	for _, o := range open {
		var dp []tailcfg.NetPortRange
		for _, d := range dst {
			dp = append(dp, tailcfg.NetPortRange{IP: d.String(), Ports: o.PortRange})
		}
		i := slices.IndexFunc(out, func(r tailcfg.FilterRule) bool { return slices.Equal(r.IPProto, o.protos) })
		if i >= 0 {
			out[i].DstPorts = append(out[i].DstPorts, dp...)
		} else {
			out = append(out, tailcfg.FilterRule{SrcIPs: src, IPProto: o.protos, DstPorts: dp})
		}
	}
	return out
}

// Reaches tells what of node to is open to node from: its own addresses, and which of its routes.
func (p *Policy) Reaches(from, to Subject) (node bool, routes []netip.Prefix) {
	for i := range p.rules {
		r := &p.rules[i]
		if !p.isSource(r, &from) {
			continue
		}
		for _, t := range r.dst {
			dst, own := p.destinations(t.sel, &to)
			if own && (from.tagged() || from.User != to.User) {
				continue
			}
			for _, d := range dst {
				if d.IsSingleIP() && slices.Contains(to.Addrs, d.Addr()) {
					node = true
				}
				for _, route := range to.Routes {
					if route.Overlaps(d) && !slices.Contains(routes, route) && !isOwn(d, to.Addrs) {
						routes = append(routes, route)
					}
				}
			}
		}
	}
	return node, routes
}

// isOwn keeps a node's own address from opening its exit route, which contains every address.
func isOwn(d netip.Prefix, addrs []netip.Addr) bool {
	return d.IsSingleIP() && slices.Contains(addrs, d.Addr())
}

func (p *Policy) isSource(r *rule, from *Subject) bool {
	return slices.ContainsFunc(r.src, func(x selector) bool {
		if x.kind == selPrefix && slices.ContainsFunc(from.Routes, x.prefix.Overlaps) {
			return true
		}
		return p.picks(x, from)
	})
}
