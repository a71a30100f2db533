package pages

import (
	"errors"
	"fmt"
	"log"
	"net/http"

	"homelab/cloud/policy"
	"homelab/cloud/tailnet"
)

// features are what a machine may ask its person to turn on: the client prints the page's address.
var features = map[string]struct{ title, about string }{
	"funnel": {"Funnel", "Funnel shows what this machine serves to the whole internet. It needs HTTPS certificates, and the node attribute funnel in the tailnet's policy."},
	"serve":  {"HTTPS", "Serving in your tailnet needs HTTPS certificates."},
}

type consentBody struct {
	Feature, Title, About, Machine string
	Enabled                        bool
	Wrong                          string
}

func (p *Pages) consent(w http.ResponseWriter, r *http.Request) {
	p.askConsent(w, r, http.StatusOK, "")
}

func (p *Pages) askConsent(w http.ResponseWriter, r *http.Request, status int, wrong string) {
	name := r.PathValue("feature")
	f, known := features[name]
	st := p.whole.View()
	n := byStableID(st, r.FormValue("node"))
	if !known || n == nil {
		p.fail(w, http.StatusNotFound, "There is nothing to enable here.", "Use the address that tailscale printed, whole.")
		return
	}
	st = st.In(n.Realm)
	body := consentBody{Feature: name, Title: f.title, About: f.about, Machine: st.FQDN(n), Enabled: has(st, n, name), Wrong: wrong}
	if wantsJSON(r) {
		writeJSON(w, map[string]any{"feature": name, "machine": body.Machine, "enabled": body.Enabled})
		return
	}
	p.show(w, status, "consent", "Enable "+f.title, body)
}

func byStableID(st *tailnet.State, id string) *tailnet.Node {
	for _, n := range st.Sorted() {
		if string(n.StableID) == id {
			return n
		}
	}
	return nil
}

func has(st *tailnet.State, n *tailnet.Node, feature string) bool {
	return st.Settings.HTTPS && (feature != "funnel" || st.MayBePublic(n))
}

// enable takes enable=on: it turns on HTTPS, and for Funnel gives the attribute in the policy.
func (p *Pages) enable(w http.ResponseWriter, r *http.Request) {
	if !p.form(w, r) {
		return
	}
	if r.PostForm.Get("enable") == "" {
		p.askConsent(w, r, http.StatusBadRequest, "Press the button: the form has enable=on.")
		return
	}
	feature := r.PathValue("feature")
	err := p.whole.Update(func(s *tailnet.State) error {
		n := byStableID(s, r.FormValue("node"))
		if _, known := features[feature]; !known || n == nil {
			return errors.New("there is no such machine or feature")
		}
		return s.Within(n.Realm, func(s *tailnet.State) error { return turnOn(s, n, feature) })
	})
	if err != nil {
		p.askConsent(w, r, statusOf(err), err.Error())
		return
	}
	log.Printf("admin: %s enabled", feature)
	p.askConsent(w, r, http.StatusOK, "")
}

func turnOn(s *tailnet.State, n *tailnet.Node, feature string) error {
	s.Settings.HTTPS = true
	if has(s, n, feature) {
		return nil
	}
	target := []string{"autogroup:member"} // as the real page writes it
	if len(n.Tags) > 0 {
		target = n.Tags
	}
	text, err := policy.WithAttr(s.PolicyText, target, feature)
	if err != nil {
		return fmt.Errorf("the policy cannot be changed: %w", err)
	}
	parsed, err := policy.Parse([]byte(text))
	if err != nil {
		return fmt.Errorf("the policy cannot be changed: %w", err)
	}
	s.SetPolicy(text, parsed)
	return nil
}
