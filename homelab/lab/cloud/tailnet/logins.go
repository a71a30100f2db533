package tailnet

import (
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
	"tailscale.com/util/rands"
)

// Login is a page that waits for a person: to let a device in. A machine has one page at a time,
// though its client may make a new node key for every request.
type Login struct {
	Token    string
	Machine  key.MachinePublic
	Hostname string
	OS       string
	Tags     []string // that the device asks for
	Created  time.Time
	User     tailcfg.UserID // who said yes
	Denied   bool
}

// Done tells whether the person has answered.
func (l *Login) Done() bool { return l.User != 0 || l.Denied }

const loginKept = 24 * time.Hour

// LoginFor finds the page of this machine, or opens one.
func (s *State) LoginFor(j Join, now time.Time) *Login {
	for token, l := range s.Logins {
		if now.Sub(l.Created) > loginKept {
			delete(s.Logins, token)
		} else if l.Machine == j.Machine && !l.Done() {
			return l
		}
	}
	l := &Login{Token: rands.HexString(14), Machine: j.Machine, Created: now.UTC()}
	if j.Hostinfo != nil {
		l.Hostname, l.OS, l.Tags = j.Hostinfo.Hostname, j.Hostinfo.OS, j.Hostinfo.RequestTags
	}
	s.Logins[l.Token] = l
	return l
}

// AnsweredLogin is the answer for this machine, if there is one.
func (s *State) AnsweredLogin(m key.MachinePublic) *Login {
	for _, l := range s.Logins {
		if l.Machine == m && l.Done() {
			return l
		}
	}
	return nil
}

// CloseLogin forgets the answer for this machine: it has had its effect.
func (s *State) CloseLogin(m key.MachinePublic) {
	if l := s.AnsweredLogin(m); l != nil {
		delete(s.Logins, l.Token)
	}
}

// Answer notes what the person said; deny is a no.
func (s *State) Answer(token, login string, deny bool) bool {
	l := s.Logins[token]
	if l == nil || l.Done() {
		return false
	}
	c := *l
	if deny {
		c.Denied = true
	} else {
		c.User = s.Person(login).ID
	}
	s.Logins[token] = &c
	return true
}
