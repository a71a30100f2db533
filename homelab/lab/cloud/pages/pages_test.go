package pages

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/types/key"

	"homelab/cloud/policy"
	"homelab/cloud/tailnet"
)

type site struct {
	t   *testing.T
	net *tailnet.Tailnet
	m   *http.ServeMux
}

func start(t *testing.T) *site {
	t.Helper()
	n, err := tailnet.Open(t.TempDir(), func() (*tailnet.State, error) { return tailnet.New("snow-burbot.ts.net", "alice@example.com", 2) })
	must(t, err)
	t.Cleanup(n.Close)
	p, err := New(n, func() error { return nil })
	must(t, err)
	s := &site{t, n, http.NewServeMux()}
	p.Register(s.m)
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *site) get(path string) (int, string) {
	w := httptest.NewRecorder()
	s.m.ServeHTTP(w, httptest.NewRequest("GET", "https://login.tailscale.com"+path, nil))
	return w.Code, w.Body.String()
}

func (s *site) post(path, form string) (int, string) {
	r := httptest.NewRequest("POST", "https://login.tailscale.com"+path, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.m.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func (s *site) login(host string) string {
	var token string
	must(s.t, s.net.Update(func(st *tailnet.State) error {
		token = st.LoginFor(tailnet.Join{Machine: key.NewMachine().Public(), Hostinfo: &tailcfg.Hostinfo{Hostname: host, OS: "linux", RequestTags: []string{"tag:web"}}}, time.Now()).Token
		return nil
	}))
	return token
}

func TestLoginPage(t *testing.T) {
	s := start(t)
	token := s.login("<phone>")
	status, page := s.get("/a/" + token)
	for _, want := range []string{"&lt;phone&gt;", "tag:web", "Who are you?", "alice@example.com", "stand-in"} {
		if status != 200 || !strings.Contains(page, want) {
			t.Errorf("%d: no %q on the page", status, want)
		}
	}
	if status, page := s.post("/a/"+token, "login=nobody"); status != 400 || !strings.Contains(page, "is not an email address") {
		t.Errorf("no address: %d", status)
	}
	if status, page := s.post("/a/"+token, "login=bob%40example.com"); status != 200 || !strings.Contains(page, "Login successful") {
		t.Errorf("yes: %d %s", status, page)
	}
	if status, page := s.post("/a/"+token, "deny=1"); status == 200 && !strings.Contains(page, "now belongs to") || s.net.View().Logins[token].Denied {
		t.Errorf("a second answer: %d", status)
	}
	if status, page := s.get("/a/nope"); status != 404 || !strings.Contains(page, "tailscale up") {
		t.Errorf("no such page: %d %s", status, page)
	}
}

func TestDeny(t *testing.T) {
	s := start(t)
	token := s.login("phone")
	if status, page := s.post("/a/"+token, "deny=1"); status != 200 || !strings.Contains(page, "Refused") || !s.net.View().Logins[token].Denied {
		t.Errorf("%d %s", status, page)
	}
}

func TestMachines(t *testing.T) {
	s := start(t)
	if _, page := s.get("/admin/machines"); !strings.Contains(page, "No machine yet") {
		t.Error("an empty tailnet")
	}
	route := netip.MustParsePrefix("10.20.0.0/24")
	must(t, s.net.Update(func(st *tailnet.State) error {
		join := func(host string, tags []string, edit func(n *tailnet.Node)) {
			n := st.Join(tailnet.Join{Machine: key.NewMachine().Public(), Key: key.NewNode().Public(), User: st.Owner().ID, Tags: tags, Approved: true,
				Hostinfo: &tailcfg.Hostinfo{Hostname: host, OS: "linux", IPNVersion: "1.102.5-homelab", RoutableIPs: []netip.Prefix{route}}}, time.Now())
			edit(n)
		}
		join("router", []string{"tag:router"}, func(n *tailnet.Node) { n.Routes = []netip.Prefix{route} })
		join("job", nil, func(n *tailnet.Node) { n.Ephemeral = true })
		join("old", nil, func(n *tailnet.Node) { st.Expire(n.ID, time.Now()) })
		join("odd", nil, func(n *tailnet.Node) { n.Hostinfo = nil })
		return nil
	}))
	for path, tt := range map[string]struct{ with, without []string }{
		"/admin/machines":          {[]string{"router", "tag:router", "Subnets", "Ephemeral", "Routes to approve", "Expired", "1.102.5", "Expiry disabled", "4 machines"}, []string{"homelab</td>"}},
		"/admin/machines?q=router": {[]string{"router", "Subnets"}, []string{"Ephemeral"}},
		"/admin/machines?q=<b>":    {[]string{"No machine is like that", "&lt;b&gt;"}, nil},
	} {
		status, page := s.get(strings.ReplaceAll(path, "<b>", url.QueryEscape("<b>")))
		for _, want := range tt.with {
			if status != 200 || !strings.Contains(page, want) {
				t.Errorf("%s: %d: no %q", path, status, want)
			}
		}
		for _, no := range tt.without {
			if strings.Contains(page, no) {
				t.Errorf("%s: there is %q", path, no)
			}
		}
	}
}

func TestManage(t *testing.T) {
	s := start(t)
	route := netip.MustParsePrefix("10.20.0.0/24")
	var id tailcfg.NodeID
	must(t, s.net.Update(func(st *tailnet.State) error {
		st.Settings.DeviceApproval = true
		id = st.Join(tailnet.Join{Machine: key.NewMachine().Public(), Key: key.NewNode().Public(), User: st.Owner().ID,
			Hostinfo: &tailcfg.Hostinfo{Hostname: "router", RoutableIPs: []netip.Prefix{route}}}, time.Now()).ID
		return nil
	}))
	device := "device=" + string(s.net.View().Nodes[id].StableID)
	for _, tt := range []struct {
		action string
		ok     func(n *tailnet.Node) bool
	}{
		{"approve", func(n *tailnet.Node) bool { return n.Approved }},
		{"approve-routes", func(n *tailnet.Node) bool { return len(n.ActiveRoutes()) == 1 }},
		{"withdraw-routes", func(n *tailnet.Node) bool { return len(n.ActiveRoutes()) == 0 }},
		{"disable-expiry", func(n *tailnet.Node) bool { return n.KeyExpiry().IsZero() }},
		{"enable-expiry", func(n *tailnet.Node) bool { return !n.KeyExpiry().IsZero() }},
		{"expire", func(n *tailnet.Node) bool { return n.Expired(time.Now()) }},
		{"remove", func(n *tailnet.Node) bool { return n == nil }},
	} {
		if _, page := s.get("/admin/machines"); !strings.Contains(page, `value="`+tt.action+`"`) {
			t.Errorf("%s is not offered", tt.action)
		}
		if status, page := s.post("/admin/machines", device+"&action="+tt.action); status != 303 || !tt.ok(s.net.View().Nodes[id]) {
			t.Errorf("%s: %d %s", tt.action, status, page)
		}
	}
	for _, form := range []string{device + "&action=expire", "action=remove", ""} {
		if status, page := s.post("/admin/machines", form); status != 400 || !strings.Contains(page, "there is no machine") {
			t.Errorf("%q: %d", form, status)
		}
	}
}

func TestDNSPage(t *testing.T) {
	s := start(t)
	for _, tt := range []struct {
		form   string
		status int
		ok     func(st *tailnet.State) bool
	}{
		{"https=on", 303, func(st *tailnet.State) bool { return st.Settings.HTTPS }},
		{"magicdns=off", 303, func(st *tailnet.State) bool { return !st.DNS.MagicDNS && st.Settings.HTTPS }},
		{"https=off&magicdns=on", 303, func(st *tailnet.State) bool { return st.DNS.MagicDNS && !st.Settings.HTTPS }},
		{"tailnet=Happy-Panda", 303, func(st *tailnet.State) bool { return st.Domain == "happy-panda.ts.net" }},
		{"tailnet=x.example.com", 400, func(st *tailnet.State) bool { return st.Domain == "happy-panda.ts.net" }},
		{"tailnet=a_b", 400, func(st *tailnet.State) bool { return st.Domain == "happy-panda.ts.net" }},
		{"https=maybe", 400, func(st *tailnet.State) bool { return !st.Settings.HTTPS }},
		{"", 400, func(st *tailnet.State) bool { return true }},
	} {
		if status, page := s.post("/admin/dns", tt.form); status != tt.status || !tt.ok(s.net.View()) {
			t.Errorf("%q: %d %s", tt.form, status, page[max(0, len(page)-300):])
		}
	}
	r := httptest.NewRequest("GET", "/admin/dns", nil)
	r.Header.Set("Accept", "application/json")
	w := httptest.NewRecorder()
	s.m.ServeHTTP(w, r)
	if got := strings.TrimSpace(w.Body.String()); got != `{"https":false,"magicDNS":true,"tailnet":"happy-panda.ts.net"}` {
		t.Errorf("as JSON: %s", got)
	}
}

func TestPolicyPage(t *testing.T) {
	s := start(t)
	bad := "{\r\n\"grantz\": []}"
	if status, page := s.post("/admin/acls", url.Values{"policy": {bad}}.Encode()); status != 400 || !strings.Contains(page, "line 2, column 1") || !strings.Contains(page, "grantz") {
		t.Errorf("with a fault: %d", status)
	}
	if s.net.View().PolicyText != policy.Default {
		t.Error("it was saved all the same")
	}
	if status, _ := s.post("/admin/acls", url.Values{"policy": {"// mine\r\n{}"}}.Encode()); status != 303 || s.net.View().PolicyText != "// mine\n{}" {
		t.Errorf("%d %q", status, s.net.View().PolicyText)
	}
	if _, page := s.get("/admin/acls?saved=1"); !strings.Contains(page, "// mine") || !strings.Contains(page, "It is in force") {
		t.Error("the new policy is not shown")
	}
}

func TestKeysPage(t *testing.T) {
	s := start(t)
	status, page := s.post("/admin/settings/keys", "kind=auth&reusable=on&description=sidecar")
	_, secret, _ := strings.Cut(page, "<code>")
	secret, _, _ = strings.Cut(secret, "</code>")
	k := s.net.View().FindKey(secret)
	if status != 200 || k == nil || !k.Reusable || k.Description != "sidecar" {
		t.Fatalf("%d %q %+v", status, secret, k)
	}
	if _, page := s.get("/admin/settings/keys"); strings.Contains(page, secret) || !strings.Contains(page, k.ID) {
		t.Error("a secret is shown once")
	}
	s.post("/admin/settings/keys", "revoke="+k.ID)
	if _, page := s.get("/admin/settings/keys"); !strings.Contains(page, "it was revoked") {
		t.Error("not revoked")
	}
	for form, want := range map[string]string{"kind=auth&tags=tag:x": "requested tags [tag:x]", "kind=auth&days=400": "1 to 90 days", "kind=x": "no keys of kind",
		"kind=client": "needs scopes", "kind=client&scopes=all": "needs tags", "revoke=nope": "no key"} {
		if status, page := s.post("/admin/settings/keys", form); status != 400 || !strings.Contains(page, want) {
			t.Errorf("%s: %d", form, status)
		}
	}
}
