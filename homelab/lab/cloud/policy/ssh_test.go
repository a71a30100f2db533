package policy

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"tailscale.com/tailcfg"
)

func sshNodes() (out []SSHNode) {
	for _, n := range nodes {
		out = append(out, SSHNode{n, tailcfg.StableNodeID(n.Addrs[0].String())})
	}
	return out
}

func TestSSH(t *testing.T) {
	type ask struct {
		from, to Subject
		user     string
		want     string // accept, check or "" for no
		as       string
	}
	for name, tt := range map[string]struct {
		rules string
		asks  []ask
	}{
		"own devices": {`{"action": "accept", "src": ["autogroup:member"], "dst": ["autogroup:self"], "users": ["autogroup:nonroot"]}`, []ask{
			{alice, phone, "deploy", "accept", "deploy"}, {alice, phone, "root", "", ""}, {bob, phone, "deploy", "", ""}, {alice, web, "deploy", "", ""}, {web, phone, "deploy", "", ""}}},
		"nonroot, and root": {`{"action": "accept", "src": ["alice@example.com"], "dst": ["tag:web"], "users": ["autogroup:nonroot", "root"]}`, []ask{
			{phone, web, "root", "accept", "root"}, {phone, web, "x", "accept", "x"}, {bob, web, "x", "", ""}, {alice, router, "x", "", ""}}},
		"names": {`{"action": "accept", "src": ["group:friends"], "dst": ["tag:web"], "users": ["guest"]}`, []ask{
			{bob, web, "guest", "accept", "guest"}, {bob, web, "root", "", ""}, {alice, web, "guest", "", ""}}},
		"the local part of the login": {`{"action": "accept", "src": ["autogroup:member"], "dst": ["tag:web"], "users": ["localpart:*@example.com"]}`, []ask{
			{bob, web, "bob", "accept", "bob"}, {bob, web, "alice", "", ""}, {alice, web, "alice", "accept", "alice"}, {router, web, "alice", "", ""}}},
		"another domain": {`{"action": "accept", "src": ["autogroup:member"], "dst": ["tag:web"], "users": ["localpart:*@example.org"]}`, []ask{{bob, web, "bob", "", ""}}},
		"a check outranks": {`{"action": "accept", "src": ["alice@example.com"], "dst": ["tag:web"], "users": ["root", "deploy"]}, {"action": "check", "src": ["autogroup:member"], "dst": ["tag:web"], "users": ["root"]}`, []ask{
			{alice, web, "root", "check", "root"}, {alice, web, "deploy", "accept", "deploy"}, {bob, web, "root", "check", "root"}}},
		"from a tag to a tag": {`{"action": "accept", "src": ["tag:router"], "dst": ["tag:web"], "users": ["root"]}`, []ask{{router, web, "root", "accept", "root"}, {alice, web, "root", "", ""}}},
		"one's own by name":   {`{"action": "accept", "src": ["bob@example.com"], "dst": ["bob@example.com"], "users": ["root"]}`, []ask{{alice, phone, "root", "", ""}, {bob, alice, "root", "", ""}}},
	} {
		p := parsed(t, `"ssh": [`+tt.rules+`]`)
		for _, a := range tt.asks {
			t.Run(name+"/"+a.from.Addrs[0].String()+"/"+a.user, func(t *testing.T) {
				got, as := "", ""
				for _, x := range p.SSHOn(SSHNode{a.to, tailcfg.StableNodeID(a.to.Addrs[0].String())}, sshNodes()) {
					if slices.Contains(x.From, tailcfg.StableNodeID(a.from.Addrs[0].String())) && x.LocalUser(a.user) != "" {
						got, as = map[bool]string{true: "check", false: "accept"}[x.Check], x.LocalUser(a.user)
						break
					}
				}
				if got != a.want || as != a.as {
					t.Errorf("got %q as %q, want %q as %q", got, as, a.want, a.as)
				}
				want := a.want
				if want == "" {
					want = "deny"
				}
				if v := p.sshVerdict(&a.from, &a.to, a.user); v != want {
					t.Errorf("a test says %s, the rules %s", v, want)
				}
			})
		}
	}
}

func TestSSHOptions(t *testing.T) {
	p := parsed(t, `"ssh": [{"action": "check", "src": ["alice@example.com"], "dst": ["tag:web"], "users": ["root"], "checkPeriod": "20h", "acceptEnv": ["GIT_*"], "recorder": ["tag:router"], "enforceRecorder": true},
		{"action": "check", "src": ["bob@example.com"], "dst": ["tag:web"], "users": ["root"], "checkPeriod": "always"}, {"action": "check", "src": ["bob@example.com"], "dst": ["tag:web"], "users": ["x"], "recorder": ["tag:family"]}]`)
	got := p.SSHOn(SSHNode{web, "100.64.0.4"}, sshNodes())
	if len(got) != 3 {
		t.Fatalf("%+v", got)
	}
	if a := got[0]; a.Period != 20*time.Hour || !slices.Equal(a.Env, []string{"GIT_*"}) || !a.Enforce || !a.Record || !slices.Equal(a.Recorders, []netip.Addr{router.Addrs[0]}) {
		t.Errorf("%+v", a)
	}
	if a := got[1]; !a.Check || a.Period != 0 || a.Record {
		t.Errorf("always: %+v", a)
	}
	if a := got[2]; a.Period != 12*time.Hour || !a.Record || a.Recorders != nil || a.Enforce {
		t.Errorf("a recorder that nobody is: %+v", a)
	}
}

func TestSSHFaults(t *testing.T) {
	const tags = `"tagOwners": {"tag:a": []}, "hosts": {"db": "10.0.0.1"}, "groups": {"group:g": ["x@example.com"]}, `
	rule := func(text string) string { return "{" + tags + `"ssh": [{` + text + `}]}` }
	for name, tt := range map[string]struct{ text, want string }{
		"deny":                {rule(`"action": "deny", "src": ["autogroup:member"], "dst": ["tag:a"], "users": ["root"]`), `"accept" or "check", and this is "deny" (what no rule accepts is denied)`},
		"everywhere":          {rule(`"action": "accept", "src": ["autogroup:member"], "dst": ["*"], "users": ["root"]`), `"*" cannot stand here`},
		"everybody":           {rule(`"action": "accept", "src": ["*"], "dst": ["tag:a"], "users": ["root"]`), `"*" cannot stand here`},
		"a host":              {rule(`"action": "accept", "src": ["autogroup:member"], "dst": ["db"], "users": ["root"]`), `"db" cannot stand here`},
		"a group's devices":   {rule(`"action": "accept", "src": ["autogroup:member"], "dst": ["group:g"], "users": ["root"]`), `"group:g" cannot stand here`},
		"another's device":    {rule(`"action": "accept", "src": ["group:g"], "dst": ["x@example.com"], "users": ["root"]`), `only x@example.com may open a shell on x@example.com's own devices`},
		"a tag's own":         {rule(`"action": "accept", "src": ["tag:a"], "dst": ["autogroup:self"], "users": ["root"]`), "autogroup:self has no meaning for a tag"},
		"a tag is checked":    {rule(`"action": "check", "src": ["tag:a"], "dst": ["tag:a"], "users": ["root"]`), "a tag cannot pass a check"},
		"no users":            {rule(`"action": "accept", "src": ["autogroup:member"], "dst": ["tag:a"], "users": []`), "lets nobody in"},
		"users missing":       {rule(`"action": "accept", "src": ["autogroup:member"], "dst": ["tag:a"]`), `an ssh rule has no "users"`},
		"odd user":            {rule(`"action": "accept", "src": ["autogroup:member"], "dst": ["tag:a"], "users": ["autogroup:root"]`), `"autogroup:root" cannot stand here`},
		"odd name":            {rule(`"action": "accept", "src": ["autogroup:member"], "dst": ["tag:a"], "users": ["-x"]`), `"-x" is no name of a user`},
		"too short":           {rule(`"action": "check", "src": ["autogroup:member"], "dst": ["tag:a"], "users": ["root"], "checkPeriod": "10s"`), `"10s" is no period of a check`},
		"not checked":         {rule(`"action": "accept", "src": ["autogroup:member"], "dst": ["tag:a"], "users": ["root"], "checkPeriod": "1h"`), "checkPeriod is for the action check"},
		"an unknown key":      {rule(`"action": "accept", "src": ["autogroup:member"], "dst": ["tag:a"], "users": ["root"], "recorders": []`), `an ssh rule has no key "recorders" (did you mean "recorder"?)`},
		"a recorder's name":   {rule(`"action": "accept", "src": ["autogroup:member"], "dst": ["tag:a"], "users": ["root"], "recorder": ["x@example.com"]`), `"x@example.com" cannot record`},
		"an undefined one":    {rule(`"action": "accept", "src": ["autogroup:member"], "dst": ["tag:a"], "users": ["root"], "recorder": ["tag:b"]`), "tag:b is not in tagOwners"},
		"enforcing nothing":   {rule(`"action": "accept", "src": ["autogroup:member"], "dst": ["tag:a"], "users": ["root"], "enforceRecorder": true`), "enforceRecorder without a recorder"},
		"a test of nothing":   {"{" + tags + `"sshTests": [{"src": "x@example.com", "dst": ["tag:a"]}]}`, "an ssh test asks for nothing"},
		"a test of an adress": {"{" + tags + `"sshTests": [{"src": "x@example.com", "dst": ["db"], "deny": ["root"]}]}`, `cannot ask for "db"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(tt.text))
			var faults Errors
			if !errors.As(err, &faults) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestSSHTests(t *testing.T) {
	const rules = `"ssh": [{"action": "accept", "src": ["group:friends"], "dst": ["tag:web"], "users": ["guest"]},
		{"action": "check", "src": ["autogroup:member"], "dst": ["autogroup:self"], "users": ["root", "autogroup:nonroot"]}], `
	for name, tt := range map[string]struct{ tests, want string }{
		"holds":       {`{"src": "group:friends", "dst": ["tag:web"], "accept": ["guest"], "deny": ["root", "autogroup:nonroot"]}, {"src": "alice@example.com", "dst": ["autogroup:self", "alice@example.com"], "check": ["root", "autogroup:nonroot"]}`, ""},
		"not checked": {`{"src": "bob@example.com", "dst": ["tag:web"], "check": ["guest"]}`, `bob@example.com: ssh to "tag:web" as "guest": want: Check, got: Accept`},
		"let in":      {`{"src": "bob@example.com", "dst": ["tag:web"], "deny": ["guest"]}`, "want: Deny, got: Accept"},
		"kept out":    {`{"src": "tag:web", "dst": ["tag:web"], "accept": ["root"]}`, "want: Accept, got: Deny"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte("{" + names + rules + `"sshTests": [` + tt.tests + "]}"))
			var failed *TestsFailed
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want != "" && (!errors.As(err, &failed) || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
