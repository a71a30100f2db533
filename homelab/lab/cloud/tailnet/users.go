package tailnet

import (
	"fmt"
	"net/mail"
	"strings"
	"time"

	"tailscale.com/tailcfg"

	"homelab/cloud/policy"
)

// CheckLogin refuses what is no email address.
func CheckLogin(login string) (string, error) {
	login = strings.ToLower(strings.TrimSpace(login))
	if a, err := mail.ParseAddress(login); err != nil || a.Address != login {
		return "", fmt.Errorf("%q is not an email address: a person signs in as somebody@example.com", login)
	}
	return login, nil
}

// Person finds the person or, at a first login, adds them as a member.
func (s *State) Person(login string) *User {
	if u := s.ownerOf(login); u != nil {
		return u
	}
	if u := s.UserByLogin(login); u != nil {
		return u
	}
	return s.AddUser(login, "member")
}

// AddUser adds a person.
func (s *State) AddUser(login, role string) *User {
	u := s.newUser(login, role)
	s.Users[u.ID] = u
	return u
}

func (s *State) newUser(login, role string) *User {
	name, _, _ := strings.Cut(login, "@")
	if name != "" {
		name = strings.ToUpper(name[:1]) + name[1:]
	}
	return &User{ID: s.newUserID(login), Login: login, Name: name, Role: role, Realm: s.ID, Created: time.Now().UTC()}
}

// Profile is how others see the person.
func (u *User) Profile() tailcfg.UserProfile {
	return tailcfg.UserProfile{ID: u.ID, LoginName: u.Login, DisplayName: u.Name}
}

// Person of the policy: somebody who acts, with no machine.
func (u *User) Subject() policy.Subject { return policy.Subject{User: u.Login, Role: u.Role} }

// CheckTags tells whether who may give a machine these tags; the message is the real service's.
func (s *State) CheckTags(who policy.Subject, tags []string) error {
	var bad []string
	for _, t := range tags {
		if !s.policy.OwnsTag(who, t) {
			bad = append(bad, t)
		}
	}
	if bad != nil {
		return fmt.Errorf("requested tags [%s] are invalid or not permitted", strings.Join(bad, " "))
	}
	return nil
}

// SetRole gives the person another role. Their devices are looked at anew: roles decide what they reach.
func (s *State) SetRole(id tailcfg.UserID, role string) {
	u := *s.Users[id]
	u.Role = role
	s.Users[id] = &u
	for nid, n := range s.Nodes {
		if n.User == id {
			s.Edit(nid)
		}
	}
}

// DeleteUser removes the person with their devices and keys.
func (s *State) DeleteUser(id tailcfg.UserID) {
	for nid, n := range s.Nodes {
		if n.User == id && len(n.Tags) == 0 {
			s.Remove(nid)
		}
	}
	for kid, k := range s.Keys {
		if k.User == id {
			s.Revoke(kid, time.Now())
		}
	}
	delete(s.Users, id)
}
