package pages

import (
	"fmt"
	"log"
	"net/http"
	"strings"
	"time"

	"homelab/cloud/tailnet"
)

type checkBody struct {
	*tailnet.Check
	From, To, Owner string
	Wrong           string
}

// person answers what is at /a/: the page for a device that wants in, or for a shell that wants a check.
func (p *Pages) person(login, check http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if p.whole.View().Checks[r.PathValue("token")] != nil {
			check(w, r)
			return
		}
		login(w, r)
	}
}

func (p *Pages) check(w http.ResponseWriter, r *http.Request) {
	p.askCheck(w, r, http.StatusOK, "")
}

func (p *Pages) askCheck(w http.ResponseWriter, r *http.Request, status int, wrong string) {
	st := p.whole.View()
	c := st.Checks[r.PathValue("token")]
	from, to := st.Nodes[c.From], st.Nodes[c.To]
	if from == nil || to == nil {
		p.fail(w, http.StatusNotFound, "This check has ended.", "One of the two machines was removed.")
		return
	}
	body := checkBody{Check: c, From: from.Label, To: to.Label, Owner: st.User(from.User).Login, Wrong: wrong}
	if wantsJSON(r) {
		writeJSON(w, map[string]any{"from": body.From, "to": body.To, "user": c.LocalUser, "person": body.Owner,
			"created": c.Created, "answered": c.Done(), "denied": c.Denied})
		return
	}
	p.show(w, status, "check", "Verify your identity", body)
}

// answerCheck takes login=EMAIL, who must be the owner of the device that the shell is opened from, or deny=1.
func (p *Pages) answerCheck(w http.ResponseWriter, r *http.Request) {
	if !p.form(w, r) {
		return
	}
	token, deny := r.PathValue("token"), r.PostForm.Get("deny") != ""
	who := strings.ToLower(strings.TrimSpace(r.PostForm.Get("login")))
	err := p.whole.Update(func(s *tailnet.State) error {
		c := s.Checks[token]
		if c == nil || s.Nodes[c.From] == nil {
			return fmt.Errorf("this check has ended")
		}
		if owner := s.User(s.Nodes[c.From].User).Login; !deny && who != owner {
			return fmt.Errorf("%q cannot pass this check: the device belongs to %s", who, owner)
		}
		if !s.AnswerCheck(token, deny, time.Now()) {
			return fmt.Errorf("this check was answered already")
		}
		return nil
	})
	if err != nil && p.whole.View().Checks[token] != nil {
		p.askCheck(w, r, statusOf(err), err.Error())
		return
	}
	if err != nil {
		p.fail(w, statusOf(err), err.Error(), "Open the shell again, and the address that it prints.")
		return
	}
	log.Printf("login: check %s: %s (deny: %t)", token, who, deny)
	p.askCheck(w, r, http.StatusOK, "")
}
