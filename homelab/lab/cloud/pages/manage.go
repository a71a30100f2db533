package pages

import (
	"fmt"
	"log"
	"net/http"
	"slices"
	"time"

	"homelab/cloud/tailnet"
)

// action is something that the machines page can do to a machine.
type action struct{ Name, Text string }

// actionsFor are the actions that make sense for the machine now.
func actionsFor(n *tailnet.Node, isShared bool, now time.Time) []action {
	out := []action{{"share", "Share…"}}
	if isShared {
		out = append(out, action{"unshare", "Stop sharing"})
	}
	if !n.Approved {
		out = append(out, action{"approve", "Approve"})
	}
	if len(n.ActiveRoutes()) < len(n.Advertised()) {
		out = append(out, action{"approve-routes", "Approve routes"})
	}
	if len(n.ActiveRoutes()) > 0 {
		out = append(out, action{"withdraw-routes", "Withdraw routes"})
	}
	if n.NoExpiry {
		out = append(out, action{"enable-expiry", "Enable key expiry"})
	} else {
		out = append(out, action{"disable-expiry", "Disable key expiry"})
	}
	if !n.Expired(now) {
		out = append(out, action{"expire", "Expire key"})
	}
	return append(out, action{"remove", "Remove"})
}

// manage takes device=ID and action=…, one of those that the page offers.
func (p *Pages) manage(w http.ResponseWriter, r *http.Request) {
	if !p.form(w, r) {
		return
	}
	id, what := r.PostForm.Get("device"), r.PostForm.Get("action")
	if what == "share" {
		p.share(w, r, id)
		return
	}
	var name string
	err := p.net.Update(func(s *tailnet.State) error {
		for _, n := range s.Sorted() {
			if string(n.StableID) == id {
				name = n.Label
				return act(s, s.Edit(n.ID), what, time.Now())
			}
		}
		return fmt.Errorf("there is no machine %q", id)
	})
	if err == nil {
		err = p.publish()
	}
	if err != nil {
		p.fail(w, statusOf(err), err.Error(), "Go back to the machines page.")
		return
	}
	log.Printf("admin: %s: %s", name, what)
	http.Redirect(w, r, "/admin/machines"+p.query(), http.StatusSeeOther)
}

func act(s *tailnet.State, n *tailnet.Node, what string, now time.Time) error {
	switch what {
	case "approve":
		n.Approved = true
	case "approve-routes":
		n.Routes = slices.Clone(n.Advertised())
	case "withdraw-routes":
		n.Routes = nil
	case "enable-expiry":
		n.NoExpiry = false
	case "disable-expiry":
		n.NoExpiry = true
	case "expire":
		s.Expire(n.ID, now)
	case "unshare":
		s.Unshare(n.ID, 0)
	case "remove":
		s.Remove(n.ID)
	default:
		return fmt.Errorf("%q is nothing that can be done to a machine", what)
	}
	return nil
}
