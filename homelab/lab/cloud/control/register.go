package control

import (
	"errors"
	"log"
	"net/http"
	"slices"
	"strings"
	"time"

	"tailscale.com/tailcfg"

	"homelab/cloud/policy"
	"homelab/cloud/tailnet"
)

// register lets a node in, renews its key, or logs it out.
func (s *Server) register(w http.ResponseWriter, r *http.Request) {
	var req tailcfg.RegisterRequest
	if !readJSON(w, r, &req) {
		return
	}
	if req.NodeKey.IsZero() {
		http.Error(w, "a registration without a node key", http.StatusBadRequest)
		return
	}
	if req.Hostinfo == nil {
		req.Hostinfo = &tailcfg.Hostinfo{}
	}
	j := tailnet.Join{Machine: machineOf(r), Key: req.NodeKey, OldKey: req.OldNodeKey, Hostinfo: req.Hostinfo, Version: req.Version, Ephemeral: req.Ephemeral}
	if req.Followup != "" && !s.awaitLogin(r, j) {
		return // the node has gone
	}
	res, err := s.decide(&req, j)
	if err != nil {
		// The node tries again: this is our trouble, not its fault.
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, res)
}

// awaitLogin waits until a person has answered on the login page.
func (s *Server) awaitLogin(r *http.Request, j tailnet.Join) bool {
	changed, leave := s.net.Watch()
	defer leave()
	for {
		view := s.net.View()
		open := false
		for _, l := range view.Logins {
			open = open || l.Machine == j.Machine && !l.Done()
		}
		if !open {
			return true
		}
		select {
		case <-r.Context().Done():
			return false
		case <-changed:
		}
	}
}

func (s *Server) decide(req *tailcfg.RegisterRequest, j tailnet.Join) (*tailcfg.RegisterResponse, error) {
	now := time.Now()
	if n := s.net.View().ByKey(j.Key); n != nil {
		switch {
		case n.Machine != j.Machine:
			return s.refuse(&refusal{errors.New("this node key belongs to another machine: was its state folder copied? Log out and in again")}, j)
		case !req.Expiry.IsZero() && req.Expiry.Before(now):
			return s.logout(n)
		case n.Expired(now):
			return &tailcfg.RegisterResponse{NodeKeyExpired: true}, nil
		case sameTags(n, req):
			return s.welcome(s.net.View(), n), nil
		}
	} else if !req.Expiry.IsZero() && req.Expiry.Before(now) {
		return &tailcfg.RegisterResponse{NodeKeyExpired: true}, nil // logs out of what it is no longer in
	}
	return s.admit(req, j, now)
}

// sameTags tells whether the node asks for no other tags than it has. Asking for none is no wish to lose them.
func sameTags(n *tailnet.Node, req *tailcfg.RegisterRequest) bool {
	return req.Hostinfo == nil || len(req.Hostinfo.RequestTags) == 0 || sameSet(n.Tags, req.Hostinfo.RequestTags)
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

var errAsk = errors.New("a person must sign in")

// refusal is a no that the person at the node reads.
type refusal struct{ error }

// admit finds who stands behind the request, and lets the node in as theirs.
func (s *Server) admit(req *tailcfg.RegisterRequest, j tailnet.Join, now time.Time) (*tailcfg.RegisterResponse, error) {
	var joined *tailnet.Node
	var page *tailnet.Login
	err := s.net.Update(func(st *tailnet.State) error {
		joined, page = nil, nil
		who, err := s.vouch(st, req, &j, now)
		if errors.Is(err, errAsk) {
			page = st.LoginFor(j, now)
			return nil
		}
		if err != nil {
			return &refusal{err} // and a one-off key is not used up by it
		}
		st.CloseLogin(j.Machine)
		return st.Within(s.realmOf(st, j), func(st *tailnet.State) error {
			if err := s.tag(st, who, req.Hostinfo.RequestTags, &j); err != nil {
				return &refusal{err}
			}
			joined = st.Join(j, now)
			return nil
		})
	})
	var no *refusal
	switch {
	case errors.As(err, &no):
		return s.refuse(no, j)
	case err != nil:
		return nil, err
	case page != nil:
		return &tailcfg.RegisterResponse{AuthURL: LoginBase + "/a/" + page.Token}, nil
	}
	st := s.net.View().In(joined.Realm)
	log.Printf("control: %s joined as %s (%s)", st.FQDN(joined), joined.IPv4, strings.Join(append(slices.Clone(joined.Tags), st.User(joined.User).Login), " "))
	return s.welcome(st, joined), nil
}

// refuse says no. The answer of the login page, if there was one, is used up: the next try asks again.
func (s *Server) refuse(no *refusal, j tailnet.Join) (*tailcfg.RegisterResponse, error) {
	err := s.net.Update(func(st *tailnet.State) error { st.CloseLogin(j.Machine); return nil })
	if err != nil {
		return nil, err
	}
	log.Printf("control: %s refused: %v", j.Hostinfo.Hostname, no)
	return &tailcfg.RegisterResponse{Error: no.Error()}, nil
}

// tag gives the node the tags that it asks for, if who may give them.
func (s *Server) tag(st *tailnet.State, who policy.Subject, want []string, j *tailnet.Join) error {
	if len(want) == 0 || sameSet(j.Tags, want) {
		return nil
	}
	if err := st.CheckTags(who, want); err != nil {
		return err
	}
	j.Tags = slices.Clone(want)
	return nil
}

// vouch finds who lets the node in: an auth key, or a person who answered on the login page.
// It fills in j what follows from that.
func (s *Server) vouch(st *tailnet.State, req *tailcfg.RegisterRequest, j *tailnet.Join, now time.Time) (policy.Subject, error) {
	if l := st.AnsweredLogin(j.Machine); l != nil {
		if l.Denied {
			return policy.Subject{}, errors.New("access denied: the person at the login page refused this device")
		}
		j.User, j.Approved = l.User, isAdmin(st.User(l.User))
		return st.User(l.User).Subject(), nil
	}
	if req.Auth == nil || req.Auth.AuthKey == "" {
		return policy.Subject{}, errAsk
	}
	k, err := st.Redeem(req.Auth.AuthKey, now)
	if err != nil {
		return policy.Subject{}, err
	}
	u := st.User(k.User)
	j.User, j.Tags, j.AuthKey, j.Approved = k.User, k.Tags, k.ID, k.Preauthorized
	j.Ephemeral = j.Ephemeral || k.Ephemeral
	who := u.Subject()
	if len(k.Tags) > 0 { // a key with tags may give only those, and what they own
		who = policy.Subject{Tags: k.Tags}
	}
	return who, nil
}

// realmOf is the tailnet that the node joins: its person's, or its key's.
func (s *Server) realmOf(st *tailnet.State, j tailnet.Join) string {
	if k := st.Keys[j.AuthKey]; k != nil {
		return k.Realm
	}
	return st.User(j.User).Realm
}

func isAdmin(u *tailnet.User) bool { return u.Role == "owner" || u.Role == "admin" }

func (s *Server) logout(n *tailnet.Node) (*tailcfg.RegisterResponse, error) {
	err := s.net.Update(func(st *tailnet.State) error {
		if n.Ephemeral {
			st.Remove(n.ID)
		} else {
			st.Expire(n.ID, time.Now())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	log.Printf("control: %s logged out", n.Label)
	return &tailcfg.RegisterResponse{NodeKeyExpired: true}, nil
}

func (s *Server) welcome(st *tailnet.State, n *tailnet.Node) *tailcfg.RegisterResponse {
	u := st.User(n.User)
	if len(n.Tags) > 0 {
		u = &tailnet.TaggedUser
	}
	return &tailcfg.RegisterResponse{
		MachineAuthorized: n.Approved,
		User:              tailcfg.User{ID: u.ID, DisplayName: u.Name, Created: u.Created},
		Login:             tailcfg.Login{ID: tailcfg.LoginID(u.ID), Provider: "lab", LoginName: u.Login, DisplayName: u.Name},
	}
}
