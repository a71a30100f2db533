package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// sshTest is an entry of sshTests: as whom somebody gets in where, and as whom not.
type sshTest struct {
	name string
	src  []Subject // several for a group
	dst  []sshTarget
	want map[string][]string // by verdict, the users
}

type sshTarget struct {
	text string
	to   Subject
	self bool
}

var sshVerdicts = []string{"accept", "check", "deny"}

func (r *parser) sshTests(v *hujson.Value) []sshTest {
	var out []sshTest
	for _, e := range r.list(v, `"sshTests"`) {
		f := r.fields(e, "an ssh test", "src", "dst", "accept", "check", "deny", "srcPostureAttrs")
		if r.needs(e, f, "an ssh test", "src", "dst") {
			continue
		}
		t := sshTest{want: map[string][]string{}}
		if !r.sshTestSource(f["src"], &t) {
			continue
		}
		texts, at := r.texts(f["dst"], "dst")
		for i, text := range texts {
			if d, ok := r.sshTestTarget(at[i], text); ok {
				t.dst = append(t.dst, d)
			}
		}
		for _, verdict := range sshVerdicts {
			if f[verdict] != nil {
				t.want[verdict], _ = r.texts(f[verdict], verdict)
			}
		}
		if len(t.want) == 0 {
			r.problem(e, `add "accept", "check" or "deny"`, "an ssh test asks for nothing")
		}
		out = append(out, t)
	}
	return out
}

func (r *parser) sshTestSource(v *hujson.Value, t *sshTest) bool {
	var ok bool
	if t.name, ok = r.text(v, "src"); !ok {
		return false
	}
	s, ok := r.selector(v, t.name, inSrc)
	if !ok {
		return false
	}
	if s.kind == selGroup {
		for _, u := range r.p.groups[s.name] {
			t.src = append(t.src, Subject{User: u, Role: "member"})
		}
		return true
	}
	one, ok := r.subject(s)
	if !ok {
		r.problem(v, "a person, a group, a tag", "an ssh test cannot be about %q", t.name)
		return false
	}
	t.src = []Subject{one}
	return true
}

func (r *parser) sshTestTarget(v *hujson.Value, text string) (sshTarget, bool) {
	s, ok := r.selector(v, text, inDst)
	switch {
	case !ok:
		return sshTarget{}, false
	case onlyOwn(s):
		return sshTarget{text: text, self: true}, true
	case s.kind == selUser || s.kind == selTag:
		to, _ := r.subject(s)
		return sshTarget{text: text, to: to}, true
	}
	r.problem(v, "a tag, a person, or autogroup:self", "an ssh test of the lab cannot ask for %q", text)
	return sshTarget{}, false
}

func (p *Policy) runSSHTests() []TestResult {
	var failed []TestResult
	for _, t := range p.sshTests {
		res := TestResult{User: t.name}
		for _, src := range t.src {
			for _, dst := range t.dst {
				to := dst.to
				if dst.self {
					to = src
				}
				for _, want := range sshVerdicts {
					for _, user := range t.want[want] {
						if got := p.sshVerdict(&src, &to, user); got != want {
							res.Errors = append(res.Errors, fmt.Sprintf("ssh to %q as %q: want: %s, got: %s", dst.text, user, title(want), title(got)))
						}
					}
				}
			}
		}
		if res.Errors != nil {
			failed = append(failed, res)
		}
	}
	return failed
}

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// sshVerdict is what the rules say of a source that asks for a user.
func (p *Policy) sshVerdict(src, dst *Subject, user string) string {
	for i := range p.ssh {
		r := &p.ssh[i]
		if !p.any(r.src, src) || !p.sshReaches(r, src, dst) {
			continue
		}
		a := SSHAccess{Users: r.userMap(r.localPartOf(*src))}
		if user == nonRoot && slices.Contains(r.users, nonRoot) || user != nonRoot && a.LocalUser(user) != "" {
			if r.check {
				return "check"
			}
			return "accept"
		}
	}
	return "deny"
}
