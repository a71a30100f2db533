package pages

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"homelab/cloud/tailnet"
)

// row is a machine as the page shows it.
type row struct {
	ID, Name, Owner, IPv4, IPv6 string
	OS, Version                 string
	Tags                        []string
	Online                      bool
	Seen                        string
	Badges                      []badge
	Actions                     []action
}

type badge struct{ Text, Class, Title string }

func (p *Pages) machines(w http.ResponseWriter, r *http.Request) {
	st := p.net.View()
	filter := strings.ToLower(strings.TrimSpace(r.FormValue("q")))
	var rows []row
	all := st.Sorted()
	for _, n := range all {
		x := p.row(st, n)
		if filter == "" || strings.Contains(strings.ToLower(x.Name+" "+x.Owner+" "+strings.Join(x.Tags, " ")+" "+x.IPv4), filter) {
			rows = append(rows, x)
		}
	}
	for _, n := range p.sharedIn(st) {
		x := p.row(st, n)
		x.Name, x.Actions, x.Badges = st.FQDN(n), nil, []badge{{"Shared in", "blue", "it belongs to another tailnet"}}
		rows = append(rows, x)
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.Name, b.Name) })
	p.show(w, http.StatusOK, "machines", "Machines", map[string]any{"Rows": rows, "Total": len(all), "Filter": r.FormValue("q")})
}

// sharedIn are the devices of other tailnets that people of this one have.
func (p *Pages) sharedIn(st *tailnet.State) []*tailnet.Node {
	var out []*tailnet.Node
	all := p.whole.View()
	for _, x := range st.Shares {
		if n := all.Nodes[x.Node]; n != nil && st.Users[x.With] != nil && n.Realm != st.ID {
			out = append(out, n)
		}
	}
	return out
}

func (p *Pages) row(st *tailnet.State, n *tailnet.Node) row {
	x := row{ID: string(n.StableID), Name: n.Label, Owner: st.User(n.User).Login, Tags: n.Tags, IPv4: n.IPv4.String(), IPv6: n.IPv6().String(),
		Online: p.net.Online(n.ID), Seen: "Connected"}
	if !x.Online {
		x.Seen = "never"
		if !n.LastSeen.IsZero() {
			x.Seen = ago(time.Since(n.LastSeen))
		}
	}
	if h := n.Hostinfo; h != nil {
		x.OS, x.Version = strings.ToUpper(h.OS[:min(1, len(h.OS))])+h.OS[min(1, len(h.OS)):], h.IPNVersion
		if h.DistroVersion != "" {
			x.OS = strings.ToUpper(h.Distro[:1]) + h.Distro[1:] + " " + h.DistroVersion
		}
		x.Version, _, _ = strings.Cut(x.Version, "-")
	}
	with := st.SharedWith(n.ID)
	x.Badges, x.Actions = badges(n, time.Now()), actionsFor(n, len(with) > 0, time.Now())
	for _, u := range with {
		x.Badges = append(x.Badges, badge{"Shared with " + u.Login, "blue", "a person of another tailnet has it among their devices"})
	}
	return x
}

func badges(n *tailnet.Node, now time.Time) []badge {
	var out []badge
	add := func(text, class, title string) { out = append(out, badge{text, class, title}) }
	switch e := n.KeyExpiry(); {
	case n.Expired(now):
		add("Expired", "bad", "its key has expired: it must log in again")
	case e.IsZero():
		add("Expiry disabled", "", "its key never expires")
	case e.Sub(now) < 14*24*time.Hour:
		add("Expires in "+days(e.Sub(now)), "warn", e.Format(time.RFC1123))
	}
	if !n.Approved {
		add("Needs approval", "warn", "an admin must approve it")
	}
	if n.Ephemeral {
		add("Ephemeral", "", "it is removed a few seconds after it goes offline")
	}
	exit, subnets, waiting := false, false, false
	for _, r := range n.Advertised() {
		ok := slices.Contains(n.Routes, r)
		waiting = waiting || !ok
		exit = exit || ok && r.Bits() == 0
		subnets = subnets || ok && r.Bits() > 0
	}
	if exit {
		add("Exit Node", "blue", "others may reach the internet through it")
	}
	if subnets {
		add("Subnets", "blue", "it leads to other networks")
	}
	if waiting {
		add("Routes to approve", "warn", "it offers routes that nobody has approved")
	}
	if h := n.Hostinfo; h != nil {
		if len(h.SSH_HostKeys) > 0 {
			add("SSH", "green", "Tailscale SSH is on")
		}
		if h.IngressEnabled {
			add("Funnel", "green", "it shows something to the whole internet")
		}
	}
	return out
}

func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return days(d) + " ago"
}

func days(d time.Duration) string {
	if d < 48*time.Hour {
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
