package policy

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"tailscale.com/tailcfg"
)

// SSHNode is a node that ssh rules may concern.
type SSHNode struct {
	Subject
	ID tailcfg.StableNodeID
}

// SSHAccess is what one rule lets some nodes do on another.
type SSHAccess struct {
	From  []tailcfg.StableNodeID
	Users map[string]string // as in tailcfg.SSHRule
	Env   []string
	Check bool
	// Period is how long one check lets its device in; zero asks every time.
	Period time.Duration
	// Record tells that sessions go to a recorder; Enforce, that without it there is no session.
	Record, Enforce bool
	Recorders       []netip.Addr
}

// SSHOn is who may open a shell on node to, the first that fits decides.
func (p *Policy) SSHOn(to SSHNode, nodes []SSHNode) []SSHAccess {
	var out []SSHAccess
	for i := range p.ssh {
		r := &p.ssh[i]
		groups := map[string][]SSHNode{} // by the local part of their owners, where users depend on it
		for _, from := range nodes {
			if from.ID != to.ID && p.any(r.src, &from.Subject) && p.sshReaches(r, &from.Subject, &to.Subject) {
				local := r.localPartOf(from.Subject)
				groups[local] = append(groups[local], from)
			}
		}
		for _, local := range keys(groups) {
			a := SSHAccess{Users: r.userMap(local), Env: r.env, Check: r.check, Period: r.period,
				Record: len(r.recorder) > 0, Enforce: r.enforce, Recorders: p.recorders(r, nodes)}
			for _, from := range groups[local] {
				a.From = append(a.From, from.ID)
			}
			if len(a.Users) > 0 {
				out = append(out, a)
			}
		}
	}
	return out
}

// sshReaches tells whether the rule leads from one to the other.
func (p *Policy) sshReaches(r *sshRule, from, to *Subject) bool {
	own := !from.tagged() && !to.tagged() && from.User == to.User
	return slices.ContainsFunc(r.dst, func(x selector) bool {
		return onlyOwn(x) && own || x.kind == selTag && p.picks(x, to) || x.kind == selUser && own && p.picks(x, to)
	})
}

// localPartOf is the part of the login that the rule's users depend on; "" if they depend on none.
func (r *sshRule) localPartOf(from Subject) string {
	local, domain, _ := strings.Cut(from.User, "@")
	if !from.tagged() && slices.Contains(r.users, localPart+domain) {
		return local
	}
	return ""
}

// userMap maps the user asked for to the machine's user; "=" is the same, and nothing is a no.
func (r *sshRule) userMap(local string) map[string]string {
	out := map[string]string{}
	for _, u := range r.users {
		switch {
		case u == nonRoot:
			out["*"] = "="
			if !slices.Contains(r.users, "root") {
				out["root"] = ""
			}
		case !strings.HasPrefix(u, localPart):
			out[u] = u
		}
	}
	if local != "" {
		out[local] = local
	}
	return out
}

func (p *Policy) recorders(r *sshRule, nodes []SSHNode) []netip.Addr {
	var out []netip.Addr
	for _, n := range nodes {
		if p.any(r.recorder, &n.Subject) {
			out = append(out, n.Addrs[0])
		}
	}
	return out
}

// LocalUser is the machine's user whom the access gives for the user asked for; "" is a no.
func (a *SSHAccess) LocalUser(asked string) string {
	to, ok := a.Users[asked]
	if !ok {
		to = a.Users["*"]
	}
	if to == "=" {
		return asked
	}
	return to
}
