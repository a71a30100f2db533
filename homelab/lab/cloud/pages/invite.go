package pages

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"strings"
	"time"

	"homelab/cloud/tailnet"
)

// InviteBase is where an invitation to a shared device is accepted.
const InviteBase = "https://login.tailscale.com/admin/invite/"

type inviteBody struct {
	Device, Sharer, Domain string
	Address                string
	With                   string // who has accepted just now
	Wrong                  string
}

func (p *Pages) invite(w http.ResponseWriter, r *http.Request) {
	p.askInvite(w, r, http.StatusOK, "", "")
}

func (p *Pages) askInvite(w http.ResponseWriter, r *http.Request, status int, with, wrong string) {
	st := p.whole.View()
	i := st.InviteByCode(r.PathValue("code"))
	if i == nil || st.Nodes[i.Node] == nil {
		p.fail(w, http.StatusNotFound, "This invitation does not exist (any more).", "Ask for another one.")
		return
	}
	n := st.Nodes[i.Node]
	name := st.FQDN(n)
	_, domain, _ := strings.Cut(name, ".")
	body := inviteBody{Device: name, Sharer: st.User(i.Sharer).Login, Domain: domain, Address: InviteBase + i.Code, With: with, Wrong: wrong}
	if wantsJSON(r) {
		writeJSON(w, map[string]any{"device": body.Device, "sharer": body.Sharer, "accepted": len(i.Accepted)})
		return
	}
	p.show(w, status, "invite", "Shared device", body)
}

// accept takes login=EMAIL: the person who accepts, into their own tailnet.
func (p *Pages) accept(w http.ResponseWriter, r *http.Request) {
	if !p.form(w, r) {
		return
	}
	who, err := tailnet.CheckLogin(r.PostForm.Get("login"))
	if err == nil {
		err = p.whole.Update(func(s *tailnet.State) error {
			if err := s.Found(who); err != nil { // who has no tailnet gets one by this
				return err
			}
			for _, u := range s.Users {
				if u.Login == who && u.Role == "owner" {
					_, err := s.Accept(r.PathValue("code"), u)
					return err
				}
			}
			return errors.New("this person has no tailnet")
		})
	}
	if err != nil {
		p.askInvite(w, r, statusOf(err), "", err.Error())
		return
	}
	log.Printf("login: %s accepted a shared device", who)
	p.askInvite(w, r, http.StatusOK, who, "")
}

// share makes an invitation for a device, and shows it to who made it.
func (p *Pages) share(w http.ResponseWriter, r *http.Request, id string) {
	var code string
	err := p.net.Update(func(s *tailnet.State) error {
		n := byStableID(s, id)
		if n == nil {
			return fmt.Errorf("there is no machine %q", id)
		}
		code = s.NewInvite(tailnet.Invite{Node: n.ID, Sharer: s.Owner().ID}, time.Now()).Code
		return nil
	})
	if err != nil {
		p.fail(w, statusOf(err), err.Error(), "Go back to the machines page.")
		return
	}
	log.Print("admin: invitation made")
	http.Redirect(w, r, "/admin/invite/"+code, http.StatusSeeOther)
}
