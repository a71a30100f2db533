package tailnet

import (
	"testing"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
)

func TestLogins(t *testing.T) {
	s, err := fresh()
	must(t, err)
	now := time.Now()
	j := Join{Machine: key.NewMachine().Public(), Key: key.NewNode().Public(), Hostinfo: &tailcfg.Hostinfo{Hostname: "phone", OS: "linux"}}
	l := s.LoginFor(j, now)
	j.Key = key.NewNode().Public() // the client asks again, with a new key
	if again := s.LoginFor(j, now); again.Token != l.Token {
		t.Error("one machine has two pages")
	}
	if s.AnsweredLogin(j.Machine) != nil {
		t.Error("answered by nobody")
	}
	if s.Answer("nope", "bob@example.com", false) || !s.Answer(l.Token, "bob@example.com", false) || s.Answer(l.Token, "eve@example.com", false) {
		t.Error("a page is answered once, and only if it exists")
	}
	if got := s.AnsweredLogin(j.Machine); got == nil || s.User(got.User).Login != "bob@example.com" || got.Denied {
		t.Errorf("answer: %+v", got)
	}
	s.CloseLogin(j.Machine)
	if len(s.Logins) != 0 {
		t.Error("the answer is still there")
	}
	l = s.LoginFor(j, now)
	s.Answer(l.Token, "", true)
	if got := s.AnsweredLogin(j.Machine); got == nil || !got.Denied || got.User != 0 {
		t.Errorf("a no: %+v", got)
	}
}

func TestOldLoginsEnd(t *testing.T) {
	s, err := fresh()
	must(t, err)
	old := s.LoginFor(Join{Machine: key.NewMachine().Public()}, time.Now().Add(-loginKept-time.Minute))
	s.LoginFor(Join{Machine: key.NewMachine().Public()}, time.Now())
	if s.Logins[old.Token] != nil || len(s.Logins) != 1 {
		t.Errorf("pages: %v", s.Logins)
	}
}

func TestCheckLogin(t *testing.T) {
	for in, want := range map[string]string{" Alice@Example.com ": "alice@example.com", "bob": "", "": "", "a b@example.com": "", "Bob <bob@example.com>": "", "x@y\n": "x@y"} {
		got, err := CheckLogin(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q %v", in, got, err)
		}
	}
}
