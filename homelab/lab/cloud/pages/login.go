package pages

import (
	"log"
	"net/http"
	"slices"

	"homelab/cloud/tailnet"
)

type loginBody struct {
	*tailnet.Login
	People []string
	Owner  string
	Wrong  string // what was wrong with the last answer
}

func (p *Pages) login(w http.ResponseWriter, r *http.Request) {
	p.askLogin(w, r, http.StatusOK, "")
}

func (p *Pages) askLogin(w http.ResponseWriter, r *http.Request, status int, wrong string) {
	st := p.whole.View()
	l := st.Logins[r.PathValue("token")]
	if l == nil {
		p.fail(w, http.StatusNotFound, "This login has ended.",
			"It was answered, or it is older than a day. Run `tailscale up` on the device again and open the address that it prints.")
		return
	}
	if wantsJSON(r) {
		writeJSON(w, map[string]any{"device": l.Hostname, "os": l.OS, "tags": l.Tags, "created": l.Created, "answered": l.Done(), "denied": l.Denied})
		return
	}
	if l.Done() {
		p.show(w, http.StatusOK, "answered", "Answered", map[string]any{"Login": l, "User": st.User(l.User)})
		return
	}
	body := loginBody{Login: l, Owner: st.Owner().Login, Wrong: wrong}
	for _, u := range st.Users {
		body.People = append(body.People, u.Login)
	}
	slices.Sort(body.People)
	p.show(w, status, "login", "Connect device", body)
}

// answer takes the person's answer: login=EMAIL lets the device in, deny=1 refuses it. With
// tailnet=own it joins a tailnet of that person's own, founded by this if need be; without, the one
// that the person owns, or else the home tailnet.
func (p *Pages) answer(w http.ResponseWriter, r *http.Request) {
	if !p.form(w, r) {
		return
	}
	deny, who := r.PostForm.Get("deny") != "", r.PostForm.Get("login")
	if !deny {
		var err error
		if who, err = tailnet.CheckLogin(who); err != nil {
			p.askLogin(w, r, http.StatusBadRequest, err.Error())
			return
		}
	}
	token, answered := r.PathValue("token"), false
	var device string
	own := r.PostForm.Get("tailnet") == "own"
	err := p.whole.Update(func(s *tailnet.State) error {
		if own && !deny && s.Logins[token] != nil {
			if err := s.Found(who); err != nil {
				return err
			}
		}
		if answered = s.Answer(token, who, deny); answered {
			device = s.Logins[token].Hostname
		}
		return nil
	})
	switch {
	case err != nil:
		p.fail(w, http.StatusInternalServerError, err.Error(), "Free some space on the lab's disk, then try again.")
	case !answered:
		p.askLogin(w, r, http.StatusNotFound, "")
	default:
		log.Printf("login: %s: %s (deny: %t)", device, who, deny)
		l := p.whole.View().Logins[token]
		if l == nil { // the device was quicker
			l = &tailnet.Login{Hostname: device, Denied: deny}
		}
		p.show(w, http.StatusOK, "answered", "Answered", map[string]any{"Login": l, "User": &tailnet.User{Login: who}})
	}
}
