package adminapi

import (
	"net/netip"
	"regexp"
	"strings"

	"homelab/cloud/tailnet"
)

func (a *API) dns(on func(pattern, scope string, h handler)) {
	const base, scope = " /api/v2/tailnet/{tailnet}/dns/", "dns"
	get := func(path string, show func(d tailnet.DNS) any) {
		on("GET"+base+path, scope, func(c *call) (any, error) { return show(a.net.View().DNS), nil })
	}
	set := func(method, path string, show func(d tailnet.DNS) any, edit func(c *call, d *tailnet.DNS) error) {
		on(method+base+path, scope, func(c *call) (any, error) {
			err := a.net.Update(func(s *tailnet.State) error { return edit(c, &s.DNS) })
			return show(a.net.View().DNS), err
		})
	}
	get("nameservers", nameservers)
	set("POST", "nameservers", nameservers, setNameservers)
	get("preferences", preferences)
	set("POST", "preferences", preferences, setPreferences)
	get("searchpaths", searchPaths)
	set("POST", "searchpaths", searchPaths, setSearchPaths)
	get("split-dns", splitDNS)
	set("PUT", "split-dns", splitDNS, func(c *call, d *tailnet.DNS) error { d.Split = nil; return addSplit(c, d) })
	set("PATCH", "split-dns", splitDNS, addSplit)
	get("configuration", configuration)
	set("POST", "configuration", configuration, setConfiguration)
}

func nameservers(d tailnet.DNS) any {
	return map[string]any{"dns": list(d.Nameservers), "magicDNS": d.MagicDNS}
}

func setNameservers(c *call, d *tailnet.DNS) error {
	var req struct{ DNS []string }
	if err := c.decode(&req); err != nil {
		return err
	}
	addrs, err := addresses(req.DNS)
	d.Nameservers = addrs
	return err
}

func addresses(texts []string) ([]netip.Addr, error) {
	var out []netip.Addr
	for _, t := range texts {
		a, err := netip.ParseAddr(t)
		if err != nil {
			return nil, badRequest("%q is no IP address of a name server", t)
		}
		out = append(out, a)
	}
	return out, nil
}

func preferences(d tailnet.DNS) any { return map[string]bool{"magicDNS": d.MagicDNS} }

func setPreferences(c *call, d *tailnet.DNS) error {
	var req struct{ MagicDNS *bool }
	if err := c.decode(&req); err != nil {
		return err
	}
	if req.MagicDNS == nil {
		return badRequest("say magicDNS: true or false")
	}
	d.MagicDNS = *req.MagicDNS
	return nil
}

func searchPaths(d tailnet.DNS) any { return map[string]any{"searchPaths": list(d.SearchPaths)} }

var domainName = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$`)

// domain is a name in lower case without its trailing dot.
func domain(text string) (string, error) {
	d := strings.ToLower(strings.TrimSuffix(text, "."))
	if len(d) > 253 || !domainName.MatchString(d) {
		return "", badRequest("%q is no domain name", text)
	}
	return d, nil
}

func setSearchPaths(c *call, d *tailnet.DNS) error {
	var req struct{ SearchPaths []string }
	if err := c.decode(&req); err != nil {
		return err
	}
	d.SearchPaths = nil
	for _, t := range req.SearchPaths {
		name, err := domain(t)
		if err != nil {
			return err
		}
		d.SearchPaths = append(d.SearchPaths, name)
	}
	return nil
}

func splitDNS(d tailnet.DNS) any {
	out := map[string][]netip.Addr{}
	for name, addrs := range d.Split {
		out[name] = list(addrs)
	}
	return out
}

// addSplit sets the domains of the request; one without name servers is taken away.
func addSplit(c *call, d *tailnet.DNS) error {
	var req map[string][]string
	if err := c.decode(&req); err != nil {
		return err
	}
	next := map[string][]netip.Addr{}
	for name, addrs := range d.Split {
		next[name] = addrs
	}
	for text, servers := range req {
		name, err := domain(text)
		if err != nil {
			return err
		}
		addrs, err := addresses(servers)
		if err != nil {
			return err
		}
		if next[name] = addrs; len(addrs) == 0 {
			delete(next, name)
		}
	}
	d.Split = next
	return nil
}

type resolver struct {
	Address         string `json:"address"`
	UseWithExitNode *bool  `json:"useWithExitNode,omitempty"`
}

type dnsConfiguration struct {
	Nameservers []resolver `json:"nameservers"`
	Preferences struct {
		MagicDNS         *bool `json:"magicDNS,omitempty"`
		OverrideLocalDNS *bool `json:"overrideLocalDNS,omitempty"`
	} `json:"preferences"`
	SearchPaths []string              `json:"searchPaths"`
	SplitDNS    map[string][]resolver `json:"splitDNS"`
}

func configuration(d tailnet.DNS) any {
	out := dnsConfiguration{Nameservers: resolversOf(d.Nameservers), SearchPaths: list(d.SearchPaths), SplitDNS: map[string][]resolver{}}
	out.Preferences.MagicDNS, out.Preferences.OverrideLocalDNS = &d.MagicDNS, &d.OverrideLocal
	for name, addrs := range d.Split {
		out.SplitDNS[name] = resolversOf(addrs)
	}
	return out
}

func resolversOf(addrs []netip.Addr) []resolver {
	out := []resolver{}
	for _, a := range addrs {
		out = append(out, resolver{Address: a.String()})
	}
	return out
}

// setConfiguration replaces all of it.
func setConfiguration(c *call, d *tailnet.DNS) error {
	var req dnsConfiguration
	if err := c.decode(&req); err != nil {
		return err
	}
	next := tailnet.DNS{MagicDNS: d.MagicDNS, OverrideLocal: false, Split: map[string][]netip.Addr{}}
	if b := req.Preferences.MagicDNS; b != nil {
		next.MagicDNS = *b
	}
	if b := req.Preferences.OverrideLocalDNS; b != nil {
		next.OverrideLocal = *b
	}
	var err error
	if next.Nameservers, err = resolverAddrs(req.Nameservers); err != nil {
		return err
	}
	if next.OverrideLocal && len(next.Nameservers) == 0 {
		return badRequest("overriding the local DNS needs a name server to override it with")
	}
	for _, t := range req.SearchPaths {
		name, err := domain(t)
		if err != nil {
			return err
		}
		next.SearchPaths = append(next.SearchPaths, name)
	}
	for text, servers := range req.SplitDNS {
		name, err := domain(text)
		if err != nil {
			return err
		}
		if next.Split[name], err = resolverAddrs(servers); err != nil {
			return err
		}
	}
	*d = next
	return nil
}

func resolverAddrs(rs []resolver) ([]netip.Addr, error) {
	var texts []string
	for _, r := range rs {
		texts = append(texts, r.Address)
	}
	return addresses(texts)
}
