package tailnet

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
)

const bob = "bob@example.com"

// two is a state with a second tailnet, and a node of the same name in each.
func two(t *testing.T) (n *Tailnet, ours, theirs *Node) {
	t.Helper()
	n = open(t, t.TempDir())
	ours = join(t, n, "quiz")
	must(t, n.Update(func(s *State) error {
		must(t, s.Found(bob))
		return s.Within(bob, func(s *State) error {
			theirs = s.Join(Join{Machine: key.NewMachine().Public(), Key: key.NewNode().Public(), User: s.Owner().ID,
				Hostinfo: &tailcfg.Hostinfo{Hostname: "quiz"}}, time.Now())
			return nil
		})
	}))
	return n, ours, theirs
}

func TestTwoTailnets(t *testing.T) {
	n, ours, theirs := two(t)
	if ours.Label != "quiz" || theirs.Label != "quiz" || ours.IPv4 == theirs.IPv4 || ours.ID == theirs.ID {
		t.Errorf("%+v\n%+v", ours, theirs)
	}
	home, away := n.In("").View(), n.In(bob).View()
	if len(home.Sorted()) != 1 || len(away.Sorted()) != 1 || home.Owner().Login != "alice@example.com" || away.Owner().Login != bob {
		t.Errorf("at home %v, away %v", home.Sorted(), away.Sorted())
	}
	whole := n.View()
	if whole.FQDN(ours) != "quiz.snow-burbot.ts.net" || whole.FQDN(theirs) != "quiz."+away.Domain || away.Domain == home.Domain {
		t.Errorf("%s and %s", whole.FQDN(ours), whole.FQDN(theirs))
	}
	must(t, n.In(bob).Update(func(s *State) error {
		s.Domain = "own-name.ts.net"
		s.NewKey(Key{Kind: AuthKey})
		s.Edit(theirs.ID).Routes = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		return nil
	}))
	if n.In("").View().Domain != "snow-burbot.ts.net" || n.In(bob).View().Domain != "own-name.ts.net" || len(n.In("").View().Keys) != 0 || len(n.In(bob).View().Keys) != 1 {
		t.Error("a change of one tailnet is one of the other")
	}
	if again := n.View(); again.Nodes[theirs.ID].Routes == nil || again.Nodes[ours.ID] == nil {
		t.Error("the change is lost")
	}
}

func TestTwoTailnetsSurvive(t *testing.T) {
	dir := t.TempDir()
	n := open(t, dir)
	must(t, n.Update(func(s *State) error { return s.Found(bob) }))
	again := open(t, dir)
	if a, b := asJSON(t, n.View()), asJSON(t, again.View()); !reflect.DeepEqual(a, b) {
		t.Errorf("read   %v\nwritten %v", b, a)
	}
	if v := again.In(bob).View(); v.Owner() == nil || v.Policy() == nil || v.ID != bob {
		t.Errorf("%+v", v)
	}
}

func TestInvitations(t *testing.T) {
	n, ours, theirs := two(t)
	must(t, n.Update(func(s *State) error {
		alice, him := s.Owner(), s.ownerOf(bob)
		i := s.NewInvite(Invite{Node: ours.ID, Sharer: alice.ID, Email: bob}, time.Now())
		for name, tt := range map[string]struct {
			code string
			who  *User
		}{"unknown": {"nope", him}, "one's own": {i.Code, alice}} {
			if _, err := s.Accept(tt.code, tt.who); err == nil {
				t.Errorf("%s: accepted", name)
			}
		}
		if x, err := s.Accept("https://login.tailscale.com/admin/invite/"+i.Code, him); err != nil || x.Node != ours.ID {
			t.Errorf("%+v %v", x, err)
		}
		if _, err := s.Accept(i.Code, him); err == nil {
			t.Error("used twice")
		}
		return nil
	}))
	whole := n.View()
	if s := whole.Strangers(ours); len(s) != 1 || s[0].ID != theirs.ID {
		t.Errorf("who comes: %v", s)
	}
	if s := n.In(bob).View().Strangers(theirs); len(s) != 1 || s[0].ID != ours.ID {
		t.Errorf("what bob has: %v", s)
	}
	if who := n.In("").View().Subject(theirs); !who.Shared || who.User != bob || who.Role != "" {
		t.Errorf("as alice's policy sees it: %+v", who)
	}
	must(t, n.Update(func(s *State) error { s.Remove(ours.ID); return nil }))
	if n.View().Shares != nil && len(n.View().Shares) > 0 {
		t.Error("a share of nothing")
	}
}
