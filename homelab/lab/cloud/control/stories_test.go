package control

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"homelab/cloud/tailnet"
)

func TestKeysAndPing(t *testing.T) {
	l := newLab(t)
	a, b := l.machine("a"), l.machine("b")
	once := l.key(tailnet.Key{})
	for _, m := range []struct {
		m   *machine
		key string
	}{{a, once}, {b, l.key(tailnet.Key{Reusable: true})}} {
		if out, err := m.m.up(m.key); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	l.until("a sees b online", func() bool { p, ok := a.sees("b"); return ok && p.Online })
	p, _ := a.sees("b")
	if p.TailscaleIPs[0] != l.node("b").IPv4 {
		t.Errorf("b is %v, and has %v", p.TailscaleIPs, l.node("b").IPv4)
	}
	must(t, ping(a, p.TailscaleIPs[0]))

	for name, tt := range map[string]struct{ key, want string }{
		"c": {once, "it was for one machine, and is used up"},
		"d": {l.key(tailnet.Key{Reusable: true, Expires: time.Now().Add(-time.Minute)}), "it expired at"},
		"e": {"--auth-key=tskey-auth-nope", "invalid key: API key does not exist"},
	} {
		if out, err := l.machine(name).up(tt.key); err == nil || !strings.Contains(out, tt.want) {
			t.Errorf("%s: %v: %s", tt.want, err, out)
		}
	}
}

func TestLoginPage(t *testing.T) {
	l := newLab(t)
	m := l.machine("laptop")
	out, err := m.login(func(s *tailnet.State, token string) { s.Answer(token, "", true) })
	if err == nil || !strings.Contains(out, "refused this device") {
		t.Fatalf("refused: %v: %s", err, out)
	}
	out, err = m.login(func(s *tailnet.State, token string) { s.Answer(token, "bob@example.com", false) })
	if err != nil || !strings.Contains(out, "Success.") {
		t.Fatalf("admitted: %v: %s", err, out)
	}
	if u := l.net.View().User(l.node("laptop").User); u.Login != "bob@example.com" || u.Role != "member" {
		t.Errorf("it belongs to %+v", u)
	}
	m.run("logout")
	l.until("logged out", func() bool { return m.status().BackendState == "NeedsLogin" })
	if !l.node("laptop").Expired(time.Now()) {
		t.Error("the node's key is still good")
	}
}

func TestExpiryRemovalAndReturn(t *testing.T) {
	l := newLab(t)
	a, b := l.machine("a"), l.machine("b")
	k := l.key(tailnet.Key{Reusable: true})
	for _, m := range []*machine{a, b} {
		if out, err := m.up(k); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	id, ip := l.node("b").ID, l.node("b").IPv4
	must(t, l.net.Update(func(s *tailnet.State) error { s.Expire(id, time.Now()); return nil }))
	l.until("b must log in", func() bool { return b.status().BackendState == "NeedsLogin" })
	l.until("a sees that b has expired", func() bool { p, ok := a.sees("b"); return ok && p.Expired })
	if out, err := b.up("--force-reauth", k); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if n := l.node("b"); n == nil || n.ID != id || n.IPv4 != ip {
		t.Errorf("renewed as %+v", n)
	}
	l.until("a sees that b is back", func() bool { p, ok := a.sees("b"); return ok && !p.Expired })
	must(t, ping(a, ip))

	must(t, l.net.Update(func(s *tailnet.State) error { s.Remove(id); return nil }))
	l.until("b has learnt that it was removed", func() bool { return b.status().BackendState == "NeedsLogin" })
	l.until("a sees b no longer", func() bool { _, ok := a.sees("b"); return !ok })
	if out, err := b.up(k); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	l.until("a sees b again", func() bool { p, ok := a.sees("b"); return ok && !p.Expired })
	must(t, ping(a, l.node("b").IPv4))
}

// A node that was switched off while it was removed learns of it when it is back.
func TestRemovedWhileAway(t *testing.T) {
	l := newLab(t)
	m := l.machine("a")
	if out, err := m.up(l.key(tailnet.Key{})); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	m.stop()
	must(t, l.net.Update(func(s *tailnet.State) error { s.Remove(l.node("a").ID); return nil }))
	m.start()
	l.until("it must log in", func() bool { return m.status().BackendState == "NeedsLogin" })
}

func TestTagsAreChecked(t *testing.T) {
	l := newLab(t)
	l.policy(`{"tagOwners": {"tag:web": ["alice@example.com"]}, "grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}]}`)
	m := l.machine("web")
	out, err := m.login(func(s *tailnet.State, token string) { s.Answer(token, "bob@example.com", false) }, "--advertise-tags=tag:web")
	if err == nil || !strings.Contains(out, "requested tags [tag:web] are invalid or not permitted") {
		t.Fatalf("bob: %v: %s", err, out)
	}
	if out, err = m.login(func(s *tailnet.State, token string) { s.Answer(token, "alice@example.com", false) }, "--advertise-tags=tag:web"); err != nil {
		t.Fatalf("alice: %v: %s", err, out)
	}
	if s := m.status(); !slices.Equal(s.Self.Tags, []string{"tag:web"}) {
		t.Errorf("tags %v", s.Self.Tags)
	}
	if out, err := m.up("--advertise-tags=tag:nope", "--force-reauth", l.key(tailnet.Key{})); err == nil || !strings.Contains(out, "tag:nope") {
		t.Errorf("an undefined tag: %v: %s", err, out)
	}
}

func TestPolicyDecidesWhoSeesWhom(t *testing.T) {
	l := newLab(t)
	l.policy(`{"tagOwners": {"tag:web": []}, "groups": {"group:friends": ["bob@example.com"]}, "grants": [{"src": ["group:friends"], "dst": ["tag:web"], "ip": ["tcp:443"]}]}`)
	web, bob, own := l.machine("web"), l.machine("bobs"), l.machine("own")
	for m, k := range map[*machine]string{web: l.key(tailnet.Key{Tags: []string{"tag:web"}}), own: l.key(tailnet.Key{})} {
		if out, err := m.up(k); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if out, err := bob.login(func(s *tailnet.State, token string) { s.Answer(token, "bob@example.com", false) }); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	l.until("bob sees the web server", func() bool { _, ok := bob.sees("web"); return ok })
	if _, ok := bob.sees("own"); ok {
		t.Error("bob sees alice's device, which he may not reach")
	}
	l.policy(`{"tagOwners": {"tag:web": []}, "grants": []}`)
	l.until("bob sees nobody", func() bool { return len(bob.status().Peer) == 0 })
	l.policy(`{"tagOwners": {"tag:web": []}, "grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}]}`)
	l.until("bob sees both", func() bool { return len(bob.status().Peer) == 2 })
}

func TestRoutes(t *testing.T) {
	l := newLab(t)
	l.policy(`{"tagOwners": {"tag:router": []}, "autoApprovers": {"exitNode": ["tag:router"]}, "grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}]}`)
	r, a := l.machine("router"), l.machine("a")
	if out, err := r.up(l.key(tailnet.Key{Tags: []string{"tag:router"}}), "--advertise-routes=10.20.0.0/24", "--advertise-exit-node"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := a.up(l.key(tailnet.Key{})); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	l.until("the exit node is approved by the policy", func() bool { p, ok := a.sees("router"); return ok && p.ExitNodeOption })
	if p, _ := a.sees("router"); p.PrimaryRoutes != nil {
		t.Errorf("a route that nobody approved: %v", p.PrimaryRoutes)
	}
	must(t, l.net.Update(func(s *tailnet.State) error {
		n := s.Edit(l.node("router").ID)
		n.Routes = append(slices.Clone(n.Routes), netip.MustParsePrefix("10.20.0.0/24"))
		return nil
	}))
	l.until("the route is approved by hand", func() bool {
		p, _ := a.sees("router")
		return slices.Equal(p.PrimaryRoutes, []string{"10.20.0.0/24"})
	})
}

func TestTailnetNameAndHTTPS(t *testing.T) {
	l := newLab(t)
	m := l.machine("a")
	if out, err := m.up(l.key(tailnet.Key{})); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := m.try("cert", "a.snow-burbot.ts.net"); err == nil || !strings.Contains(out, "does not support getting TLS certs") {
		t.Errorf("a certificate while HTTPS is off: %v: %s", err, out)
	}
	must(t, l.net.Update(func(s *tailnet.State) error { s.Settings.HTTPS, s.Domain = true, "happy-panda.ts.net"; return nil }))
	l.until("the new name", func() bool { return m.status().Self.DNSName == "a.happy-panda.ts.net." })
	l.until("certificates", func() bool { return slices.Equal(m.status().CertDomains, []string{"a.happy-panda.ts.net"}) })
}

// The cloud forgets nothing: after a crash the same nodes are there, at the same addresses, without a login.
func TestRestartOfTheControlPlane(t *testing.T) {
	l := newLab(t)
	a := l.machine("a")
	if out, err := a.up(l.key(tailnet.Key{})); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	before := l.node("a")
	addr := l.web.Listener.Addr().String()
	l.net.Flush()
	l.crash()
	l.net.Close()
	l.open(filepath.Join(l.dir, "cloud"))
	l.serve(addr)
	l.until("a is online again", func() bool { n := l.node("a"); return n != nil && l.net.Online(n.ID) })
	if n := l.node("a"); n.ID != before.ID || n.IPv4 != before.IPv4 || n.Key != before.Key {
		t.Errorf("back as %+v", n)
	}
}
