package tailnet

import (
	"testing"
	"testing/synctest"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
)

func ephemeral(t *testing.T, n *Tailnet) tailcfg.NodeID {
	t.Helper()
	var id tailcfg.NodeID
	must(t, n.Update(func(s *State) error {
		id = s.Join(Join{Machine: key.NewMachine().Public(), Key: key.NewNode().Public(), User: s.Owner().ID, Ephemeral: true,
			Hostinfo: &tailcfg.Hostinfo{Hostname: "job"}}, time.Now()).ID
		return nil
	}))
	return id
}

func TestEphemeralNodesGo(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		n := open(t, dir)
		id := ephemeral(t, n)
		_, leave := n.Connect(id)
		time.Sleep(time.Hour)
		if n.View().Nodes[id] == nil {
			t.Fatal("removed while connected")
		}
		leave()
		time.Sleep(ephemeralGrace - time.Millisecond)
		if n.View().Nodes[id] == nil {
			t.Fatal("removed before the grace was over")
		}
		time.Sleep(time.Second)
		if n.View().Nodes[id] != nil {
			t.Fatal("still there")
		}
	})
}

func TestEphemeralNodeThatComesBackStays(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		n := open(t, dir)
		id := ephemeral(t, n)
		_, leave := n.Connect(id)
		leave()
		_, leave = n.Connect(id)
		defer leave()
		time.Sleep(time.Minute)
		if n.View().Nodes[id] == nil {
			t.Fatal("removed")
		}
	})
}

func TestEphemeralNodesAfterARestart(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		id := ephemeral(t, open(t, dir))
		n := open(t, dir)
		n.ReapEphemeral()
		time.Sleep(ephemeralGraceAtStart + time.Second)
		if n.View().Nodes[id] != nil {
			t.Fatal("still there")
		}
	})
}

func TestWakesAfterEveryChange(t *testing.T) {
	n := open(t, t.TempDir())
	id := join(t, n, "quiz").ID
	changed, leave := n.Connect(id)
	defer leave()
	for range len(changed) {
		<-changed
	}
	must(t, n.Update(func(s *State) error { s.Domain = "other.ts.net"; return nil }))
	select {
	case <-changed:
	default:
		t.Fatal("not woken")
	}
	if n.View().Domain != "other.ts.net" {
		t.Error("woken before the change shows")
	}
}
