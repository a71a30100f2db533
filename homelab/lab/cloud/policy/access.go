package policy

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/tailscale/hujson"
	"tailscale.com/tailcfg"
)

// access reads grants and acls.
func (r *parser) access() {
	if v := r.top["grants"]; v != nil {
		for _, e := range r.list(v, `"grants"`) {
			r.grant(e)
		}
	}
	if v := r.top["acls"]; v != nil {
		for _, e := range r.list(v, `"acls"`) {
			r.acl(e)
		}
	}
}

func (r *parser) grant(v *hujson.Value) {
	f := r.fields(v, "a grant", "src", "dst", "ip", "app", "srcPosture", "via")
	out := rule{line: r.line(v)}
	if r.needs(v, f, "a grant", "src", "dst") {
		return
	}
	for _, name := range []string{"srcPosture", "via"} {
		if f[name] != nil {
			r.problem(f[name], "remove it for the lab", "the lab cannot do %q", name)
		}
	}
	if f["ip"] == nil && f["app"] == nil {
		r.problem(v, `for all ports: "ip": ["*"]`, "a grant has neither ip nor app: it grants nothing")
	}
	out.src = r.selectors(f["src"], "src", inSrc)
	var open []ports
	if f["ip"] != nil {
		texts, at := r.texts(f["ip"], "ip")
		for i, t := range texts {
			open = append(open, r.portSpec(at[i], t)...)
		}
	}
	for _, s := range r.selectors(f["dst"], "dst", inDst) {
		out.dst = append(out.dst, target{s, open})
	}
	if f["app"] != nil {
		out.app = tailcfg.PeerCapMap{}
		for name, args := range r.capabilities(f["app"]) {
			out.app[tailcfg.PeerCapability(name)] = args
		}
	}
	r.p.rules = append(r.p.rules, out)
}

func (r *parser) acl(v *hujson.Value) {
	f := r.fields(v, "an acl", "action", "src", "dst", "proto", "srcPosture", "users", "ports")
	if f["users"] != nil || f["ports"] != nil {
		r.problem(v, `say "src" and "dst"`, `"users" and "ports" are names of an old format`)
		return
	}
	if r.needs(v, f, "an acl", "action", "src", "dst") {
		return
	}
	if action, ok := r.text(f["action"], "action"); ok && action != "accept" {
		r.problem(f["action"], "what no rule accepts is denied", `the only action is "accept", and this is %q`, action)
	}
	if f["srcPosture"] != nil {
		r.problem(f["srcPosture"], "remove it for the lab", `the lab cannot do "srcPosture"`)
	}
	var protos []int
	if f["proto"] != nil {
		if t, ok := r.text(f["proto"], "proto"); ok {
			protos = r.protocol(f["proto"], t)
		}
	}
	out := rule{line: r.line(v), src: r.selectors(f["src"], "src", inSrc)}
	texts, at := r.texts(f["dst"], "dst")
	for i, t := range texts {
		if d, ok := r.destination(at[i], t, protos); ok {
			out.dst = append(out.dst, d)
		}
	}
	r.p.rules = append(r.p.rules, out)
}

// needs reports the keys that are missing.
func (r *reader) needs(v *hujson.Value, f map[string]*hujson.Value, what string, names ...string) bool {
	missing := false
	for _, n := range names {
		if f[n] == nil {
			r.problem(v, "add it", "%s has no %q", what, n)
			missing = true
		}
	}
	return missing
}

// destination is "host:ports", as in acls and tests.
func (r *parser) destination(v *hujson.Value, text string, protos []int) (target, bool) {
	i := strings.LastIndex(text, ":")
	if i < 0 || strings.HasPrefix(text, "tag:") && i == len("tag:")-1 || strings.HasPrefix(text, "group:") && i == len("group:")-1 || strings.HasPrefix(text, "autogroup:") && i == len("autogroup:")-1 {
		r.problem(v, "write "+text+":* for all of them", "%q says no ports", text)
		return target{}, false
	}
	host := strings.TrimSuffix(strings.TrimPrefix(text[:i], "["), "]")
	s, ok := r.selector(v, host, inDst)
	if !ok {
		return target{}, false
	}
	t := target{sel: s}
	for _, spec := range strings.Split(text[i+1:], ",") {
		if pr, ok := r.portRange(v, spec); ok {
			t.ports = append(t.ports, ports{protos, pr})
		}
	}
	return t, len(t.ports) > 0
}

// portSpec is an entry of a grant's ip: "*", "443", "80-90", "tcp:443", "icmp:*".
func (r *parser) portSpec(v *hujson.Value, text string) []ports {
	proto, rest, has := strings.Cut(text, ":")
	var protos []int
	if has {
		if protos = r.protocol(v, proto); protos == nil {
			return nil
		}
	} else {
		rest = text
	}
	pr, ok := r.portRange(v, rest)
	if !ok {
		return nil
	}
	return []ports{{protos, pr}}
}

func (r *reader) portRange(v *hujson.Value, spec string) (tailcfg.PortRange, bool) {
	if spec == "*" {
		return tailcfg.PortRangeAny, true
	}
	lo, hi, has := strings.Cut(spec, "-")
	if !has {
		hi = lo
	}
	a, err1 := strconv.ParseUint(strings.TrimSpace(lo), 10, 16)
	b, err2 := strconv.ParseUint(strings.TrimSpace(hi), 10, 16)
	if err1 != nil || err2 != nil {
		r.problem(v, "a port is 0 to 65535, several are 80-90, all are *", "%q is no port", spec)
		return tailcfg.PortRange{}, false
	}
	if a > b {
		r.problem(v, "write the smaller one first", "the ports %s run backwards", spec)
		return tailcfg.PortRange{}, false
	}
	return tailcfg.PortRange{First: uint16(a), Last: uint16(b)}, true
}

var protocols = map[string][]int{"icmp": {1, 58}, "igmp": {2}, "ipv4": {4}, "ip-in-ip": {4}, "tcp": {6}, "egp": {8}, "igp": {9},
	"udp": {17}, "gre": {47}, "esp": {50}, "ah": {51}, "sctp": {132}}

func (r *reader) protocol(v *hujson.Value, name string) []int {
	if p, ok := protocols[name]; ok {
		return slices.Clone(p)
	}
	if n, err := strconv.ParseUint(name, 10, 8); err == nil && n > 0 {
		return []int{int(n)}
	}
	r.problem(v, meant(name, keys(protocols), "known: "+strings.Join(keys(protocols), ", ")+", or a number"), "%q is no protocol", name)
	return nil
}

// capabilities is an "app" object: by name, a list of arguments.
func (r *reader) capabilities(v *hujson.Value) map[string][]tailcfg.RawMessage {
	out := map[string][]tailcfg.RawMessage{}
	for _, m := range r.members(v, `"app"`) {
		args := []tailcfg.RawMessage{}
		for _, e := range r.list(m.v, m.name) {
			c := e.Clone()
			c.Standardize()
			raw := c.Pack()
			if !json.Valid(raw) {
				r.problem(e, "", "%s holds no JSON", m.name)
				continue
			}
			args = append(args, tailcfg.RawMessage(strings.TrimSpace(string(raw))))
		}
		if !strings.Contains(m.name, "/") {
			r.problem(m.at, `such as "example.com/cap/name"`, "%q is no name of a capability", m.name)
		}
		out[m.name] = args
	}
	return out
}
