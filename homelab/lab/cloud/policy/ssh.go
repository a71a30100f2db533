package policy

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tailscale/hujson"
)

// sshRule is an entry of ssh: who may open a shell where, and as whom.
type sshRule struct {
	src, dst []selector
	users    []string
	env      []string
	check    bool
	period   time.Duration // of a check; zero asks every time
	recorder []selector
	enforce  bool
}

const (
	checkDefault  = 12 * time.Hour
	checkShortest = time.Minute
	checkLongest  = 168 * time.Hour
)

const (
	nonRoot   = "autogroup:nonroot"
	localPart = "localpart:*@"
)

var (
	sshUserName = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]*\$?$`)
	envName     = regexp.MustCompile(`^[a-zA-Z0-9_*?-]+$`)
)

// ssh reads the ssh section. The most restrictive rules come first, as the real service has them.
func (r *parser) ssh(v *hujson.Value) []sshRule {
	var checks, accepts []sshRule
	for _, e := range r.list(v, `"ssh"`) {
		rule, ok := r.sshRule(e)
		switch {
		case !ok:
		case rule.check:
			checks = append(checks, rule)
		default:
			accepts = append(accepts, rule)
		}
	}
	return append(checks, accepts...)
}

func (r *parser) sshRule(v *hujson.Value) (out sshRule, ok bool) {
	const what = "an ssh rule"
	f := r.fields(v, what, "action", "src", "dst", "users", "checkPeriod", "acceptEnv", "recorder", "enforceRecorder", "srcPosture")
	if r.needs(v, f, what, "action", "src", "dst", "users") {
		return out, false
	}
	if f["srcPosture"] != nil {
		r.problem(f["srcPosture"], "remove it for the lab", `the lab cannot do "srcPosture"`)
	}
	switch action, ok := r.text(f["action"], "action"); {
	case !ok:
	case action == "check":
		out.check, out.period = true, checkDefault
	case action != "accept":
		r.problem(f["action"], "what no rule accepts is denied", `an ssh rule's action is "accept" or "check", and this is %q`, action)
	}
	out.src = r.selectors(f["src"], "src", inSSHSrc)
	out.dst = r.selectors(f["dst"], "dst", inSSHDst)
	out.users = r.sshUsers(f["users"])
	r.sshOwners(f, &out)
	if p := f["checkPeriod"]; p != nil {
		out.period = r.checkPeriod(p, out.check)
	}
	if f["acceptEnv"] != nil {
		names, at := r.texts(f["acceptEnv"], "acceptEnv")
		for i, name := range names {
			if !envName.MatchString(name) {
				r.problem(at[i], "letters, digits, _ and the wildcards * and ?", "%q is no name of a variable", name)
			}
		}
		out.env = names
	}
	r.sshRecorder(f, &out)
	return out, true
}

func (r *parser) sshUsers(v *hujson.Value) []string {
	users, at := r.texts(v, "users")
	if len(users) == 0 {
		r.problem(v, `such as ["autogroup:nonroot"]`, "an ssh rule without users lets nobody in")
	}
	for i, u := range users {
		domain, isLocalPart := strings.CutPrefix(u, localPart)
		switch {
		case u == nonRoot || isLocalPart && domain != "":
		case strings.HasPrefix(u, "autogroup:") || strings.HasPrefix(u, "localpart:"):
			r.problem(at[i], "autogroup:nonroot, localpart:*@example.com, or a name", "%q cannot stand here", u)
		case !sshUserName.MatchString(u):
			r.problem(at[i], "a user of the machine, such as root", "%q is no name of a user", u)
		}
	}
	return users
}

// sshOwners refuses what would let one person into another's own device.
func (r *parser) sshOwners(f map[string]*hujson.Value, rule *sshRule) {
	isPerson := func(s selector) bool {
		return s.kind == selUser || s.kind == selGroup || s.kind == selAuto && s.name != "tagged"
	}
	for _, d := range rule.dst {
		switch {
		case onlyOwn(d) && !all(rule.src, isPerson):
			r.problem(f["src"], "name people or groups as src, or tags as dst", "autogroup:self has no meaning for a tag: a machine with a tag belongs to no person")
		case d.kind == selUser && !all(rule.src, func(s selector) bool { return s.kind == selUser && s.name == d.name }):
			r.problem(f["dst"], `say "autogroup:self", or give the machine a tag`, "only %s may open a shell on %s's own devices", d.name, d.name)
		}
	}
	if rule.check && !all(rule.src, isPerson) {
		r.problem(f["src"], `say "accept", or name people`, "a tag cannot pass a check: nobody signs in for a machine")
	}
}

func all(sels []selector, f func(selector) bool) bool {
	return !slices.ContainsFunc(sels, func(s selector) bool { return !f(s) })
}

func (r *parser) checkPeriod(v *hujson.Value, check bool) time.Duration {
	text, ok := r.text(v, "checkPeriod")
	if !ok {
		return checkDefault
	}
	if !check {
		r.problem(v, `say "check", or leave it out`, "checkPeriod is for the action check")
	}
	if text == "always" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < checkShortest || d > checkLongest {
		r.problem(v, `"20h", "30m", or "always": one minute to 168 hours`, "%q is no period of a check", text)
		return checkDefault
	}
	return d
}

func (r *parser) sshRecorder(f map[string]*hujson.Value, rule *sshRule) {
	if v := f["recorder"]; v != nil {
		rule.recorder = r.selectors(v, "recorder", inRecorder)
	}
	if v := f["enforceRecorder"]; v != nil {
		if rule.enforce = r.boolean(v, "enforceRecorder"); rule.enforce && f["recorder"] == nil {
			r.problem(v, `add "recorder": ["tag:recorder"]`, "enforceRecorder without a recorder")
		}
	}
}
