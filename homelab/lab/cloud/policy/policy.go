// Package policy reads Tailscale's policy file (HuJSON) and says what it lets through.
package policy

import (
	"net/netip"
	"slices"

	"tailscale.com/tailcfg"
)

// Policy is a policy file, understood.
type Policy struct {
	groups    map[string][]string
	hosts     map[string]netip.Prefix
	tagOwners map[string][]selector
	rules     []rule
	attrs     []nodeAttr
	routes    []routeApprover
	exitNode  []selector
	tests     []test
	ssh       []sshRule // checks first
	sshTests  []sshTest
	// SSH tells whether there is an ssh section.
	SSH bool
	// RandomPorts is randomizeClientPort.
	RandomPorts bool
	// Notes are what the file asks for and the lab does not do.
	Notes []Problem
}

// rule is an entry of grants or acls.
type rule struct {
	line int
	src  []selector
	dst  []target
	app  tailcfg.PeerCapMap
}

// target is what a rule opens: where, and on which ports. No ports: nothing but the app capabilities.
type target struct {
	sel   selector
	ports []ports
}

// ports are some ports of some protocols.
type ports struct {
	protos []int // empty: TCP, UDP and ICMP
	tailcfg.PortRange
}

type nodeAttr struct {
	target []selector
	attr   []string
	app    map[string][]tailcfg.RawMessage
}

type routeApprover struct {
	prefix netip.Prefix
	by     []selector
}

// Subject is who or what a selector may pick: a node, or a person without one.
type Subject struct {
	User   string // login of the owner, also of a tagged node
	Role   string
	Tags   []string
	Addrs  []netip.Addr
	Routes []netip.Prefix // in use through it
	Shared bool           // it belongs to somebody of another tailnet
}

func (s *Subject) tagged() bool { return len(s.Tags) > 0 }

// OwnsTag tells whether who may give that tag to a machine.
func (p *Policy) OwnsTag(who Subject, tag string) bool {
	owners, defined := p.tagOwners[tag]
	if !defined {
		return false
	}
	// Who acts as a tag (an OAuth client, a key with tags) may give that tag, and what it owns.
	// An empty list stands for the admins, who may do so in any case.
	return slices.Contains(who.Tags, tag) || !who.tagged() && isAdmin(who.Role) || p.any(owners, &who)
}

func isAdmin(role string) bool {
	return role == "owner" || role == "admin" || role == "network-admin"
}

// AutoApproves tells whether the node may have the route without being asked.
func (p *Policy) AutoApproves(n Subject, route netip.Prefix) bool {
	if route.Bits() == 0 {
		return p.any(p.exitNode, &n)
	}
	for _, a := range p.routes {
		if a.prefix.Bits() <= route.Bits() && a.prefix.Contains(route.Addr()) && p.any(a.by, &n) {
			return true
		}
	}
	return false
}

// Attributes are the node attributes of n: names, with arguments where there are some.
func (p *Policy) Attributes(n Subject) tailcfg.NodeCapMap {
	out := tailcfg.NodeCapMap{}
	if p.RandomPorts {
		out[tailcfg.NodeAttrRandomizeClientPort] = nil
	}
	for _, a := range p.attrs {
		if !p.any(a.target, &n) {
			continue
		}
		for _, name := range a.attr {
			out[tailcfg.NodeCapability(name)] = nil
		}
		for name, args := range a.app {
			out[tailcfg.NodeCapability(name)] = append(out[tailcfg.NodeCapability(name)], args...)
		}
	}
	return out
}

// DefinedTags tells whether the tag is in tagOwners.
func (p *Policy) DefinedTag(tag string) bool {
	_, ok := p.tagOwners[tag]
	return ok
}
