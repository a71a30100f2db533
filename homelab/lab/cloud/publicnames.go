package main

import (
	"maps"
	"net/netip"
	"time"

	"homelab/cloud/derp"
	"homelab/cloud/dnsd"
	"homelab/cloud/tailnet"
	"homelab/cloud/web"
)

// publicNames are what public DNS has to say for the cloud and for nodes.
func publicNames(s *tailnet.State, o *serveOptions) dnsd.Set {
	set := dnsd.Set{A: map[string][]netip.Addr{}, TXT: maps.Clone(s.Texts)}
	for _, name := range web.Names {
		set.A[name] = []netip.Addr{o.ip}
	}
	for i, a := range o.relays {
		set.A[derp.HostName(i)] = []netip.Addr{a}
	}
	for _, n := range s.Sorted() {
		if o.funnel.IsValid() && n.Hostinfo != nil && n.Hostinfo.IngressEnabled && s.MayBePublic(n) && !n.Expired(time.Now()) {
			set.A[s.FQDN(n)] = []netip.Addr{o.funnel}
		}
	}
	return set
}
