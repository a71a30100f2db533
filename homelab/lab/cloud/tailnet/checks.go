package tailnet

import (
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/util/rands"
)

// Check is a page that waits for a person: to prove that it is they who open a shell.
type Check struct {
	Token              string
	From, To           tailcfg.NodeID
	SSHUser, LocalUser string
	Created            time.Time
	Approved, Denied   bool
}

// Done tells whether the person has answered.
func (c *Check) Done() bool { return c.Approved || c.Denied }

// The client gives up after half an hour.
const checkKept = time.Hour

// NewCheck opens a page.
func (s *State) NewCheck(c Check, now time.Time) *Check {
	for token, old := range s.Checks {
		if now.Sub(old.Created) > checkKept {
			delete(s.Checks, token)
		}
	}
	c.Token, c.Created = rands.HexString(14), now.UTC()
	s.Checks[c.Token] = &c
	return &c
}

// AnswerCheck notes what the person said. A yes counts for their device until the period of a rule is over.
func (s *State) AnswerCheck(token string, deny bool, now time.Time) bool {
	c := s.Checks[token]
	if c == nil || c.Done() {
		return false
	}
	answered := *c
	answered.Approved, answered.Denied = !deny, deny
	s.Checks[token] = &answered
	if n := s.Edit(c.From); n != nil && !deny {
		n.Checked = now.UTC()
	}
	return true
}

// HasPassed tells whether the node's person has passed a check within the period; zero asks every time.
func (n *Node) HasPassed(period time.Duration, now time.Time) bool {
	return period > 0 && !n.Checked.IsZero() && now.Sub(n.Checked) < period
}
