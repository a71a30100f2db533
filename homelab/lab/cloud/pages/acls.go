package pages

import (
	"log"
	"net/http"
	"strings"

	"homelab/cloud/policy"
	"homelab/cloud/tailnet"
)

type aclsBody struct {
	Text  string
	Wrong []string
	Notes []policy.Problem
	Saved bool
}

func (p *Pages) acls(w http.ResponseWriter, r *http.Request) {
	st := p.net.View()
	p.show(w, http.StatusOK, "acls", "Access controls", aclsBody{Text: st.PolicyText, Notes: st.Policy().Notes, Saved: r.FormValue("saved") != ""})
}

// setACLs takes policy=TEXT, whole; a policy with faults is shown again with what is wrong.
func (p *Pages) setACLs(w http.ResponseWriter, r *http.Request) {
	if !p.form(w, r) {
		return
	}
	text := strings.ReplaceAll(r.PostForm.Get("policy"), "\r\n", "\n") // a form's line ends
	parsed, err := policy.Parse([]byte(text))
	if err == nil {
		err = p.net.Update(func(s *tailnet.State) error { s.SetPolicy(text, parsed); return nil })
	}
	if err != nil {
		p.show(w, statusOf(err), "acls", "Access controls", aclsBody{Text: text, Wrong: strings.Split(err.Error(), "\n")})
		return
	}
	log.Print("admin: policy changed")
	http.Redirect(w, r, "/admin/acls"+p.query("saved=1"), http.StatusSeeOther)
}
