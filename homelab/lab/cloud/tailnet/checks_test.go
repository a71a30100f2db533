package tailnet

import (
	"testing"
	"time"

	"tailscale.com/tailcfg"
)

func TestChecks(t *testing.T) {
	n := open(t, t.TempDir())
	id := join(t, n, "phone").ID
	now := time.Now()
	must(t, n.Update(func(s *State) error {
		yes, no := s.NewCheck(Check{From: id, SSHUser: "root"}, now), s.NewCheck(Check{From: id}, now)
		if s.AnswerCheck("nope", false, now) || !s.AnswerCheck(no.Token, true, now) || s.AnswerCheck(no.Token, false, now) {
			t.Error("a page is answered once, and only if it exists")
		}
		if !s.Checks[no.Token].Denied || s.Nodes[id].HasPassed(time.Hour, now) {
			t.Error("a no counts as a yes")
		}
		if !s.AnswerCheck(yes.Token, false, now) || !s.Checks[yes.Token].Approved {
			t.Error("a yes is not noted")
		}
		return nil
	}))
	phone := n.View().Nodes[id]
	for _, tt := range []struct {
		period, later time.Duration
		want          bool
	}{{time.Hour, time.Minute, true}, {time.Hour, 2 * time.Hour, false}, {0, time.Second, false}} {
		if got := phone.HasPassed(tt.period, now.Add(tt.later)); got != tt.want {
			t.Errorf("after %v, of %v: %v", tt.later, tt.period, got)
		}
	}
	must(t, n.Update(func(s *State) error { s.NewCheck(Check{}, now.Add(checkKept+time.Minute)); return nil }))
	if len(n.View().Checks) != 1 {
		t.Errorf("pages kept: %d", len(n.View().Checks))
	}
}

func TestEventsAreBounded(t *testing.T) {
	s, err := fresh()
	must(t, err)
	for i := range eventsKept + 10 {
		s.Note(Event{Node: tailcfg.NodeID(i)})
	}
	if len(s.Events) != eventsKept || s.Events[0].Node != 10 {
		t.Errorf("%d events, the first %v", len(s.Events), s.Events[0].Node)
	}
}
