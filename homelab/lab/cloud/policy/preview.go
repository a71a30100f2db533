package policy

import (
	"fmt"
	"net/netip"
	"strings"

	"tailscale.com/tailcfg"
)

// Match is a rule that concerns somebody, in the form of the real API.
type Match struct {
	Users []string `json:"users"`
	Ports []string `json:"ports"`
	Line  int      `json:"lineNumber"`
}

// Preview tells which rules let a person out (kind "user") or let somebody in at an address and port ("ipport").
func (p *Policy) Preview(kind, about string) ([]Match, error) {
	var concerns func(r *rule) bool
	switch kind {
	case "user":
		if !userName.MatchString(about) {
			return nil, fmt.Errorf("%q is no person", about)
		}
		who := Subject{User: about, Role: "member"}
		concerns = func(r *rule) bool { return p.isSource(r, &who) }
	case "ipport":
		ap, err := netip.ParseAddrPort(about)
		if err != nil {
			return nil, fmt.Errorf("%q is no address with a port, such as 100.64.0.7:22", about)
		}
		to := Subject{Addrs: []netip.Addr{ap.Addr()}}
		concerns = func(r *rule) bool {
			for _, t := range r.dst {
				for _, o := range t.ports {
					if p.covers(t.sel, &Subject{}, &to) && o.First <= ap.Port() && ap.Port() <= o.Last {
						return true
					}
				}
			}
			return false
		}
	default:
		return nil, fmt.Errorf("%q is no type of preview: user or ipport", kind)
	}
	var out []Match
	for i := range p.rules {
		if r := &p.rules[i]; concerns(r) {
			out = append(out, r.match())
		}
	}
	return out, nil
}

func (r *rule) match() Match {
	m := Match{Users: []string{}, Ports: []string{}, Line: r.line}
	for _, s := range r.src {
		m.Users = append(m.Users, s.String())
	}
	for _, t := range r.dst {
		for _, o := range t.ports {
			m.Ports = append(m.Ports, t.sel.String()+":"+portText(o.PortRange))
		}
	}
	return m
}

func portText(r tailcfg.PortRange) string {
	switch {
	case r == tailcfg.PortRangeAny:
		return "*"
	case r.First == r.Last:
		return fmt.Sprint(r.First)
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

func (s selector) String() string {
	switch {
	case s.kind == selAny:
		return "*"
	case s.kind == selAuto:
		return "autogroup:" + strings.TrimPrefix(s.name, "autogroup:")
	}
	return s.name
}
