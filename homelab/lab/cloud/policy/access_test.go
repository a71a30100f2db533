package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"tailscale.com/types/ipproto"
	"tailscale.com/types/logger"
	"tailscale.com/wgengine/filter"
)

// The tailnet of these tests.
var (
	alice  = device("100.64.0.1", "alice@example.com", "owner")
	phone  = device("100.64.0.2", "alice@example.com", "owner")
	bob    = device("100.64.0.3", "bob@example.com", "member")
	web    = device("100.64.0.4", "alice@example.com", "owner", "tag:web")
	router = routed(device("100.64.0.5", "alice@example.com", "owner", "tag:router"), "10.20.0.0/24", "0.0.0.0/0", "::/0")
	nodes  = []Subject{alice, phone, bob, web, router}
)

func device(addr, user, role string, tags ...string) Subject {
	return Subject{User: user, Role: role, Tags: tags, Addrs: []netip.Addr{netip.MustParseAddr(addr)}}
}

func routed(s Subject, routes ...string) Subject {
	for _, r := range routes {
		s.Routes = append(s.Routes, netip.MustParsePrefix(r))
	}
	return s
}

const names = `"groups": {"group:friends": ["bob@example.com"]}, "hosts": {"db": "10.20.0.50", "vpc": "10.20.0.0/24", "bobs": "100.64.0.3"},
"tagOwners": {"tag:web": ["alice@example.com"], "tag:router": ["autogroup:admin"], "tag:child": ["tag:web"], "tag:family": ["group:friends"]},`

func parsed(t *testing.T, sections string) *Policy {
	t.Helper()
	p, err := Parse([]byte("{" + names + sections + "}"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// passes asks Tailscale's own packet filter, as a node would run it, whether a packet passes.
func passes(t *testing.T, p *Policy, to Subject, from, dst string, proto ipproto.Proto, port uint16) bool {
	t.Helper()
	rules := p.Filter(to, nodes)
	matches, err := filter.MatchesFromFilterRules(rules)
	if err != nil {
		t.Fatalf("a client would not take the filter: %v", err)
	}
	var local netipSet
	local.add(to)
	f := filter.New(matches, nil, local.set(t), local.set(t), nil, logger.Discard)
	return f.Check(netip.MustParseAddr(from), netip.MustParseAddr(dst), port, proto) == filter.Accept
}

func TestFilter(t *testing.T) {
	const tcp, udp, icmp, gre = ipproto.TCP, ipproto.UDP, ipproto.ICMPv4, ipproto.Proto(47)
	type packet struct {
		from Subject
		to   Subject
		dst  string // if not to's own address
		pr   ipproto.Proto
		port uint16
		want bool
	}
	for name, tt := range map[string]struct {
		sections string
		packets  []packet
	}{
		"nothing": {`"grants": []`, []packet{{alice, bob, "", tcp, 80, false}, {alice, phone, "", tcp, 80, false}}},
		"all":     {`"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}]`, []packet{{bob, alice, "", tcp, 22, true}, {bob, web, "", icmp, 0, true}, {alice, router, "10.20.0.50", tcp, 5432, true}, {alice, router, "203.0.113.50", tcp, 80, true}}},
		"a group to a tag's port": {`"grants": [{"src": ["group:friends"], "dst": ["tag:web"], "ip": ["tcp:443"]}]`, []packet{
			{bob, web, "", tcp, 443, true}, {bob, web, "", tcp, 22, false}, {bob, web, "", udp, 443, false}, {alice, web, "", tcp, 443, false}, {bob, alice, "", tcp, 443, false}}},
		"several ports": {`"grants": [{"src": ["bob@example.com"], "dst": ["tag:web"], "ip": ["80-90", "udp:53"]}]`, []packet{
			{bob, web, "", tcp, 80, true}, {bob, web, "", tcp, 90, true}, {bob, web, "", tcp, 91, false}, {bob, web, "", udp, 53, true}, {bob, web, "", tcp, 53, false}}},
		"members do not cover tags": {`"grants": [{"src": ["autogroup:member"], "dst": ["autogroup:member"], "ip": ["*"]}]`, []packet{
			{bob, alice, "", tcp, 1, true}, {web, alice, "", tcp, 1, false}, {alice, web, "", tcp, 1, false}}},
		"self": {`"grants": [{"src": ["autogroup:member"], "dst": ["autogroup:self"], "ip": ["*"]}]`, []packet{
			{alice, phone, "", tcp, 22, true}, {bob, phone, "", tcp, 22, false}, {alice, web, "", tcp, 22, false}}},
		"owner": {`"grants": [{"src": ["autogroup:owner"], "dst": ["*"], "ip": ["*"]}]`, []packet{{alice, bob, "", tcp, 1, true}, {bob, alice, "", tcp, 1, false}}},
		"a host behind a router": {`"grants": [{"src": ["bob@example.com"], "dst": ["db"], "ip": ["tcp:5432"]}]`, []packet{
			{bob, router, "10.20.0.50", tcp, 5432, true}, {bob, router, "10.20.0.51", tcp, 5432, false}, {bob, router, "", tcp, 5432, false}, {alice, router, "10.20.0.50", tcp, 5432, false}}},
		"a tag is not the network behind it": {`"grants": [{"src": ["bob@example.com"], "dst": ["tag:router"], "ip": ["*"]}]`, []packet{
			{bob, router, "", tcp, 22, true}, {bob, router, "10.20.0.50", tcp, 22, false}}},
		"the internet by an exit node": {`"grants": [{"src": ["bob@example.com"], "dst": ["autogroup:internet"], "ip": ["*"]}]`, []packet{
			{bob, router, "203.0.113.50", tcp, 80, true}, {bob, router, "10.20.0.50", tcp, 80, false}, {bob, router, "192.168.1.1", tcp, 80, false}, {bob, router, "", tcp, 22, false}, {bob, web, "", tcp, 80, false}}},
		"a host as a source": {`"grants": [{"src": ["bobs"], "dst": ["tag:web"], "ip": ["*"]}]`, []packet{{bob, web, "", tcp, 1, true}, {alice, web, "", tcp, 1, false}}},
		"acl": {`"acls": [{"action": "accept", "src": ["group:friends"], "dst": ["tag:web:22,8000-8010", "alice@example.com:53"], "proto": "tcp"}]`, []packet{
			{bob, web, "", tcp, 22, true}, {bob, web, "", tcp, 8005, true}, {bob, web, "", udp, 22, false}, {bob, alice, "", tcp, 53, true}, {bob, alice, "", tcp, 22, false}}},
		"acl without proto is tcp, udp and icmp": {`"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]`, []packet{
			{bob, web, "", tcp, 22, true}, {bob, web, "", udp, 22, true}, {bob, web, "", icmp, 0, true}, {bob, web, "", gre, 0, false}}},
		"another protocol": {`"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"], "proto": "gre"}]`, []packet{{bob, web, "", gre, 0, true}, {bob, web, "", tcp, 1, false}}},
		"grants and acls add up": {`"acls": [{"action": "accept", "src": ["bob@example.com"], "dst": ["tag:web:80"]}], "grants": [{"src": ["bob@example.com"], "dst": ["tag:web"], "ip": ["443"]}]`, []packet{
			{bob, web, "", tcp, 80, true}, {bob, web, "", tcp, 443, true}, {bob, web, "", tcp, 22, false}}},
	} {
		p := parsed(t, tt.sections)
		for _, k := range tt.packets {
			if k.dst == "" {
				k.dst = k.to.Addrs[0].String()
			}
			t.Run(fmt.Sprintf("%s/%s-%s:%d/%d", name, k.from.Addrs[0], k.dst, k.port, k.pr), func(t *testing.T) {
				if got := passes(t, p, k.to, k.from.Addrs[0].String(), k.dst, k.pr, k.port); got != k.want {
					t.Errorf("passes: %v, want %v; filter %+v", got, k.want, p.Filter(k.to, nodes))
				}
			})
		}
	}
}

func TestDefaultLetsEverythingThrough(t *testing.T) {
	p, err := Parse([]byte(Default))
	if err != nil {
		t.Fatal(err)
	}
	if !passes(t, p, alice, "100.64.0.3", "100.64.0.1", ipproto.TCP, 22) {
		t.Error("bob does not reach alice")
	}
	if passes(t, p, alice, "203.0.113.9", "100.64.0.1", ipproto.TCP, 22) {
		t.Error("a stranger's address reaches alice")
	}
}

func TestReaches(t *testing.T) {
	for name, tt := range map[string]struct {
		sections string
		from, to Subject
		node     bool
		routes   string
	}{
		"everything":          {`"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}]`, bob, router, true, "10.20.0.0/24 0.0.0.0/0 ::/0"},
		"nothing":             {`"grants": []`, bob, router, false, ""},
		"only the node":       {`"grants": [{"src": ["*"], "dst": ["tag:router"], "ip": ["*"]}]`, bob, router, true, ""},
		"only the network":    {`"grants": [{"src": ["*"], "dst": ["vpc"], "ip": ["*"]}]`, bob, router, false, "10.20.0.0/24 0.0.0.0/0"},
		"only the internet":   {`"grants": [{"src": ["*"], "dst": ["autogroup:internet"], "ip": ["*"]}]`, bob, router, false, "0.0.0.0/0 ::/0"},
		"own devices":         {`"grants": [{"src": ["autogroup:member"], "dst": ["autogroup:self"], "ip": ["*"]}]`, alice, phone, true, ""},
		"others' own devices": {`"grants": [{"src": ["autogroup:member"], "dst": ["autogroup:self"], "ip": ["*"]}]`, bob, phone, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			node, routes := parsed(t, tt.sections).Reaches(tt.from, tt.to)
			if got := strings.Trim(fmt.Sprint(routes), "[]"); node != tt.node || got != tt.routes {
				t.Errorf("got %v %q, want %v %q", node, got, tt.node, tt.routes)
			}
		})
	}
}

func TestTagOwners(t *testing.T) {
	p := parsed(t, `"grants": []`)
	admin := Subject{User: "carol@example.com", Role: "admin"}
	for _, tt := range []struct {
		who  Subject
		tag  string
		want bool
	}{
		{alice, "tag:web", true}, {bob, "tag:web", false}, {bob, "tag:family", true}, {admin, "tag:web", true},
		{alice, "tag:undefined", false}, {Subject{Tags: []string{"tag:web"}}, "tag:child", true},
		{Subject{Tags: []string{"tag:web"}}, "tag:web", true}, {Subject{Tags: []string{"tag:child"}}, "tag:web", false},
	} {
		if got := p.OwnsTag(tt.who, tt.tag); got != tt.want {
			t.Errorf("%+v owns %s: %v, want %v", tt.who, tt.tag, got, tt.want)
		}
	}
}

func TestAutoApprovers(t *testing.T) {
	p := parsed(t, `"autoApprovers": {"routes": {"10.0.0.0/8": ["tag:router", "group:friends"]}, "exitNode": ["tag:router"]}`)
	for _, tt := range []struct {
		who   Subject
		route string
		want  bool
	}{
		{router, "10.20.0.0/24", true}, {router, "10.0.0.0/8", true}, {router, "0.0.0.0/0", true}, {router, "192.168.0.0/24", false},
		{router, "8.0.0.0/7", false}, {bob, "10.1.0.0/16", true}, {bob, "::/0", false}, {web, "10.20.0.0/24", false},
	} {
		if got := p.AutoApproves(tt.who, netip.MustParsePrefix(tt.route)); got != tt.want {
			t.Errorf("%v for %+v: %v, want %v", tt.route, tt.who, got, tt.want)
		}
	}
}

func TestNodeAttrs(t *testing.T) {
	p := parsed(t, `"randomizeClientPort": true, "nodeAttrs": [{"target": ["tag:web"], "attr": ["funnel"]}, {"target": ["*"], "app": {"example.com/cap/x": [{"a": 1}]}}]`)
	got := p.Attributes(web)
	if _, ok := got["funnel"]; !ok || string(got["example.com/cap/x"][0]) != `{"a": 1}` || !slices.Contains(keysOf(got), "randomize-client-port") {
		t.Errorf("tag:web has %v", got)
	}
	if _, ok := p.Attributes(bob)["funnel"]; ok {
		t.Error("bob may use Funnel")
	}
}

func keysOf[K ~string, V any](m map[K]V) (out []string) {
	for k := range m {
		out = append(out, string(k))
	}
	return out
}

func TestAppCapability(t *testing.T) {
	p := parsed(t, `"grants": [{"src": ["bob@example.com"], "dst": ["tag:web"], "app": {"example.com/cap/x": [{"role": "reader"}]}}]`)
	rules := p.Filter(web, nodes)
	if len(rules) != 1 || len(rules[0].CapGrant) != 1 || rules[0].DstPorts != nil || rules[0].SrcIPs[0] != "100.64.0.3" {
		t.Fatalf("got %+v", rules)
	}
	if passes(t, p, web, "100.64.0.3", "100.64.0.4", ipproto.TCP, 80) {
		t.Error("a capability opened a port")
	}
}
