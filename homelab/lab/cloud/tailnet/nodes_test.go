package tailnet

import (
	"encoding/json"
	"net/netip"
	"slices"
	"testing"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/types/key"

	"homelab/cloud/policy"
)

func toText(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	must(t, err)
	return string(data)
}

func TestAddressesFollowFromNames(t *testing.T) {
	hosts := []string{"tequila", "phone", "quiz", "jellyfin"}
	a, b := open(t, t.TempDir()), open(t, t.TempDir())
	for _, h := range hosts {
		join(t, a, h)
	}
	slices.Reverse(hosts)
	for _, h := range hosts {
		join(t, b, h)
	}
	for id, n := range a.View().Nodes {
		m := b.View().Nodes[id]
		if m == nil || m.IPv4 != n.IPv4 || m.Label != n.Label || m.StableID != n.StableID {
			t.Errorf("%s differs with the order: %+v %+v", n.Label, n, m)
		}
	}
}

func TestManyNamesAndAddressesDiffer(t *testing.T) {
	s, err := fresh()
	must(t, err)
	seen := map[any]bool{}
	for i := range 500 {
		n := s.Join(Join{Machine: key.NewMachine().Public(), Key: key.NewNode().Public(), User: s.Owner().ID,
			Hostinfo: &tailcfg.Hostinfo{Hostname: []string{"one", "two", "Three.local"}[i%3]}}, time.Now())
		for _, v := range []any{n.ID, n.IPv4, n.IPv6(), n.Label} {
			if seen[v] {
				t.Fatalf("%v was given twice", v)
			}
			seen[v] = true
		}
		for _, p := range append(reserved, netip.MustParsePrefix("127.0.0.0/8")) {
			if p.Contains(n.IPv4) || !cgnat.Contains(n.IPv4) {
				t.Fatalf("%v is reserved", n.IPv4)
			}
		}
	}
}

func TestLabel(t *testing.T) {
	for in, want := range map[string]string{"Tequila": "tequila", "my laptop (2)": "my-laptop-2", "host.example.com": "host", "": "node", "__": "node", "Ünï": "n",
		"a" + string(make([]byte, 3)) + "b": "a-b"} {
		if got := Label(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestRenewalKeepsIdentity(t *testing.T) {
	n := open(t, t.TempDir())
	old := join(t, n, "quiz")
	must(t, n.Update(func(s *State) error { s.Expire(old.ID, time.Now()); return nil }))
	if !n.View().Nodes[old.ID].Expired(time.Now()) {
		t.Fatal("not expired")
	}
	var again *Node
	must(t, n.Update(func(s *State) error {
		again = s.Join(Join{Machine: old.Machine, Key: key.NewNode().Public(), OldKey: old.Key, User: old.User, Hostinfo: old.Hostinfo}, time.Now())
		return nil
	}))
	if again.ID != old.ID || again.IPv4 != old.IPv4 || again.Expired(time.Now()) {
		t.Errorf("%+v is not the renewed %+v", again, old)
	}
	if d := time.Until(again.KeyExpiry()); d < 179*24*time.Hour || d > 181*24*time.Hour {
		t.Errorf("expires in %v", d)
	}
}

func TestAnotherPersonOnTheSameMachineIsAnotherNode(t *testing.T) {
	n := open(t, t.TempDir())
	old := join(t, n, "laptop")
	must(t, n.Update(func(s *State) error {
		b := s.Join(Join{Machine: old.Machine, Key: key.NewNode().Public(), User: s.Person("bob@example.com").ID, Hostinfo: old.Hostinfo}, time.Now())
		if b.ID == old.ID || b.Label != "laptop-1" {
			t.Errorf("got %+v", b)
		}
		return nil
	}))
}

func TestTaggedNodesDoNotExpire(t *testing.T) {
	n := join(t, open(t, t.TempDir()), "web", "tag:web")
	if !n.KeyExpiry().IsZero() {
		t.Errorf("expires %v", n.KeyExpiry())
	}
}

func TestRenamedNodeKeepsItsName(t *testing.T) {
	n := open(t, t.TempDir())
	id := join(t, n, "quiz").ID
	hear := func(host string) string {
		n.Touch(func(s *State) { s.Heard(id, Report{Hostinfo: &tailcfg.Hostinfo{Hostname: host}}) })
		return n.View().Nodes[id].Label
	}
	if got := hear("quiz2"); got != "quiz2" {
		t.Errorf("a new host name is not followed: %s", got)
	}
	must(t, n.Update(func(s *State) error { s.Rename(id, "questions"); return nil }))
	if got := hear("quiz3"); got != "questions" {
		t.Errorf("renamed by hand, then %s", got)
	}
	must(t, n.Update(func(s *State) error { s.Rename(id, ""); return nil }))
	if got := n.View().Nodes[id].Label; got != "quiz3" {
		t.Errorf("the name taken back, then %s", got)
	}
}

func TestRoutesAreApprovedByHandOrByPolicy(t *testing.T) {
	n := open(t, t.TempDir())
	route := netip.MustParsePrefix("10.20.0.0/24")
	// The name with the smaller hash is the one that leaves below.
	byHand, byPolicy := join(t, n, "router-a").ID, join(t, n, "router-b", "tag:router").ID
	const text = `{"tagOwners": {"tag:router": []}, "autoApprovers": {"routes": {"10.20.0.0/16": ["tag:router"]}}}`
	p, err := policy.Parse([]byte(text))
	must(t, err)
	must(t, n.Update(func(s *State) error { s.SetPolicy(text, p); return nil }))
	if got := n.View().Nodes[byPolicy].ActiveRoutes(); !slices.Equal(got, []netip.Prefix{route}) {
		t.Errorf("by policy: %v", got)
	}
	if got := n.View().Nodes[byHand].ActiveRoutes(); got != nil {
		t.Errorf("by nobody: %v", got)
	}
	must(t, n.Update(func(s *State) error { s.Edit(byHand).Routes = []netip.Prefix{route}; return nil }))

	// One of two routers to a network is in use; another takes over when it goes offline.
	_, leaveHand := n.Connect(byHand)
	_, leavePolicy := n.Connect(byPolicy)
	defer leavePolicy()
	first := n.primary(n.View(), route)
	if first != byHand {
		t.Fatalf("primary %v of %v and %v", first, byHand, byPolicy)
	}
	leaveHand()
	if got := n.primary(n.View(), route); got != byPolicy {
		t.Errorf("after it went offline: %v", got)
	}
	_, leaveHand = n.Connect(byHand)
	defer leaveHand()
	if got := n.primary(n.View(), route); got != byPolicy {
		t.Errorf("it came back, and the route moved again: %v", got)
	}
}

func TestRemovedNodesAreRememberedForAWhile(t *testing.T) {
	s, err := fresh()
	must(t, err)
	for range removedKept + 20 {
		n := s.Join(Join{Machine: key.NewMachine().Public(), Key: key.NewNode().Public(), User: s.Owner().ID, Hostinfo: &tailcfg.Hostinfo{Hostname: "x"}}, time.Now())
		s.Remove(n.ID)
		if _, ok := s.Removed[n.Key]; !ok {
			t.Fatal("forgotten at once")
		}
	}
	if len(s.Removed) != removedKept || len(s.Nodes) != 0 {
		t.Errorf("%d remembered, %d nodes", len(s.Removed), len(s.Nodes))
	}
}
