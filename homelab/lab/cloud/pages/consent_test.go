package pages

import (
	"strings"
	"testing"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/types/key"

	"homelab/cloud/tailnet"
)

// joined lets a machine in.
func (s *site) joined(host string, tags ...string) *tailnet.Node {
	s.t.Helper()
	var n *tailnet.Node
	must(s.t, s.net.Update(func(st *tailnet.State) error {
		n = st.Join(tailnet.Join{Machine: key.NewMachine().Public(), Key: key.NewNode().Public(), User: st.Owner().ID, Tags: tags,
			Hostinfo: &tailcfg.Hostinfo{Hostname: host, OS: "linux"}}, time.Now())
		return nil
	}))
	return n
}

func TestConsent(t *testing.T) {
	s := start(t)
	own, tagged := s.joined("quiz"), s.joined("web", "tag:web")
	page := "/f/funnel?node=" + string(own.StableID)
	if status, body := s.get(page); status != 200 || !strings.Contains(body, "quiz.snow-burbot.ts.net") || !strings.Contains(body, "<form") {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := s.post(page, ""); status != 400 || s.net.View().Settings.HTTPS {
		t.Error("enabled without the button")
	}
	for _, path := range []string{"/f/funnel?node=nope", "/f/magic?node=" + string(own.StableID), "/f/funnel"} {
		if status, _ := s.get(path); status != 404 {
			t.Errorf("%s: %d", path, status)
		}
	}
	for range 2 { // the second press changes nothing
		if status, body := s.post(page, "enable=on"); status != 200 || !strings.Contains(body, "is enabled") {
			t.Fatalf("%d %s", status, body)
		}
	}
	st := s.net.View()
	if strings.Count(st.PolicyText, `"funnel"`) != 1 || !st.Settings.HTTPS || !strings.Contains(st.PolicyText, "autogroup:member") {
		t.Errorf("%s", st.PolicyText)
	}
	status, body := s.post("/f/funnel?node="+string(tagged.StableID), "enable=on")
	if status != 400 || !strings.Contains(body, "tag:web is not in tagOwners") || s.net.View().PolicyText != st.PolicyText {
		t.Errorf("a policy that would be wrong: %d", status)
	}
}

func TestCheckPage(t *testing.T) {
	s := start(t)
	from, to := s.joined("phone"), s.joined("server")
	var token string
	must(t, s.net.Update(func(st *tailnet.State) error {
		token = st.NewCheck(tailnet.Check{From: from.ID, To: to.ID, SSHUser: "root", LocalUser: "root"}, time.Now()).Token
		return nil
	}))
	if status, body := s.get("/a/" + token); status != 200 || !strings.Contains(body, "Verify your identity") || !strings.Contains(body, "<b>server</b>, as root") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := s.post("/a/"+token, "login=eve@example.com"); status != 400 || !strings.Contains(body, "the device belongs to alice@example.com") {
		t.Errorf("somebody else: %d %s", status, body)
	}
	if status, _ := s.post("/a/"+token, "login=Alice@example.com"); status != 200 || !s.net.View().Checks[token].Approved {
		t.Errorf("%d", status)
	}
	if status, _ := s.post("/a/"+token, "deny=1"); status != 400 || s.net.View().Checks[token].Denied {
		t.Errorf("answered twice: %d", status)
	}
}

func TestPagesOfAnotherTailnet(t *testing.T) {
	s := start(t)
	device := s.joined("quiz")
	if status, _ := s.get("/admin/machines?as=bob@example.com"); status != 404 {
		t.Errorf("a tailnet of nobody: %d", status)
	}
	if status, _ := s.post("/admin/machines", "action=share&device="+string(device.StableID)); status != 303 {
		t.Fatalf("share: %d", status)
	}
	var code string
	for _, i := range s.net.View().Invites {
		code = i.Code
	}
	if status, body := s.post("/admin/invite/"+code, "login=bob@example.com"); status != 200 || !strings.Contains(body, "Device added") {
		t.Fatalf("accept: %d %s", status, body)
	}
	if status, body := s.get("/admin/machines?as=bob@example.com"); status != 200 || !strings.Contains(body, "quiz.snow-burbot.ts.net") || !strings.Contains(body, "Shared in") {
		t.Errorf("%d %s", status, body)
	}
	if _, body := s.get("/admin/machines"); !strings.Contains(body, "Shared with bob@example.com") {
		t.Error("the owner does not see it")
	}
	if status, _ := s.post("/admin/dns?as=bob@example.com", "https=on"); status != 303 || s.net.In("").View().Settings.HTTPS || !s.net.In("bob@example.com").View().Settings.HTTPS {
		t.Error("the wrong tailnet was changed")
	}
}
