package policy

import (
	"bytes"
	"errors"
	"net/netip"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/tailscale/hujson"
)

var sections = []string{"acls", "autoApprovers", "defaultSrcPosture", "derpMap", "disableIPv4", "extraDNSRecords", "grants", "groups",
	"hosts", "ipsets", "nodeAttrs", "OneCGNATRoute", "postures", "randomizeClientPort", "ssh", "sshTests", "tagOwners", "tests"}

// Sections of the real format which the lab takes and does not act on.
var ignored = map[string]string{
	"derpMap":         "the lab has its own two relays",
	"disableIPv4":     "nodes of the lab have both",
	"extraDNSRecords": "the lab's DNS does not serve them",
	"OneCGNATRoute":   "the lab has Linux nodes only",
}

const maxSize = 1 << 20

// parser reads the sections in the order in which they need each other.
type parser struct {
	reader
	p   *Policy
	top map[string]*hujson.Value
}

// Parse reads a policy file. The error is Errors: all faults at once, in the file's order.
// A policy that fails its own tests is a *TestsFailed.
func Parse(text []byte) (*Policy, error) {
	if err := readable(text); err != nil {
		return nil, err
	}
	root, err := hujson.Parse(text)
	if err != nil {
		return nil, syntaxError(err)
	}
	r := &parser{reader: newReader(text), p: &Policy{groups: map[string][]string{}, hosts: map[string]netip.Prefix{}, tagOwners: map[string][]selector{}}}
	if _, ok := root.Value.(*hujson.Object); !ok {
		r.problem(&root, `a policy begins with { and has sections such as "grants"`, "the policy must be an object, and is %s", kind(&root))
		return nil, Errors(r.problems)
	}
	r.top = r.fields(&root, "a policy", sections...)
	r.names()
	r.access()
	r.rest()
	if len(r.problems) > 0 {
		return nil, Errors(r.sorted())
	}
	if err := failedTests(append(r.p.runTests(r.p.tests), r.p.runSSHTests()...)); err != nil {
		return nil, err
	}
	return r.p, nil
}

func readable(text []byte) error {
	switch {
	case len(strings.TrimSpace(string(text))) == 0:
		return Errors{{1, 1, "the policy is empty", "the smallest one, which lets nothing through, is {}"}}
	case len(text) > maxSize:
		return Errors{{1, 1, "the policy is larger than 1 MiB", "is this the right file?"}}
	case !utf8.Valid(text) || strings.ContainsRune(string(text), 0):
		return Errors{{1, 1, "the policy is no text in UTF-8", "is this the right file?"}}
	}
	if i := tooDeep(text); i >= 0 {
		before := text[:i]
		return Errors{{bytes.Count(before, []byte("\n")) + 1, i - bytes.LastIndexByte(before, '\n'), "the policy is nested too deeply", "close some of the brackets before"}}
	}
	return nil
}

var syntaxPlace = regexp.MustCompile(`line (\d+), column (\d+): (.*)`)

func syntaxError(err error) error {
	m := syntaxPlace.FindStringSubmatch(err.Error())
	if m == nil {
		return Errors{{1, 1, strings.TrimPrefix(err.Error(), "hujson: "), "look for a missing quotation mark, comma or bracket"}}
	}
	return Errors{{number(m[1]), number(m[2]), m[3], "look here, and just before, for a missing comma, quotation mark or bracket"}}
}

func number(s string) (n int) {
	for _, c := range s {
		n = n*10 + int(c-'0')
	}
	return n
}

// names reads what other sections refer to.
func (r *parser) names() {
	if v := r.top["groups"]; v != nil {
		for _, m := range r.members(v, `"groups"`) {
			r.group(m)
		}
	}
	if v := r.top["hosts"]; v != nil {
		for _, m := range r.members(v, `"hosts"`) {
			r.host(m)
		}
	}
	if v := r.top["tagOwners"]; v != nil {
		members := r.members(v, `"tagOwners"`)
		for _, m := range members { // first all names, for tags may own tags
			if !tagName.MatchString(m.name) {
				r.problem(m.at, `such as "tag:container": letters, digits and dashes, a letter first`, "%q is no name of a tag", m.name)
			}
			r.p.tagOwners[m.name] = nil
		}
		for _, m := range members {
			r.p.tagOwners[m.name] = r.selectors(m.v, "the owners of "+m.name, inTagOwners)
		}
	}
}

func (r *parser) group(m member) {
	if !strings.HasPrefix(m.name, "group:") || m.name == "group:" {
		r.problem(m.at, `such as "group:family"`, "%q is no name of a group", m.name)
	}
	users, at := r.texts(m.v, m.name)
	for i, u := range users {
		if strings.HasPrefix(u, "group:") {
			r.problem(at[i], "list the people themselves", "%s holds a group; groups hold people", m.name)
		} else if !userName.MatchString(u) {
			r.problem(at[i], "people are somebody@example.com", "%s holds %q, which is no person", m.name, u)
		}
	}
	r.p.groups[m.name] = users
}

func (r *parser) host(m member) {
	if strings.ContainsAny(m.name, "@:/*") || m.name == "" {
		r.problem(m.at, "a host's name has no @ : / *", "%q is no name of a host", m.name)
	}
	text, ok := r.text(m.v, "the address of "+m.name)
	if !ok {
		return
	}
	p, err := parsePrefix(text)
	if err != nil {
		r.problem(m.v, prefixHint(text), "%q is no address and no prefix", text)
		return
	}
	r.p.hosts[m.name] = p
}

// rest reads what stands alone.
func (r *parser) rest() {
	if v := r.top["nodeAttrs"]; v != nil {
		for _, e := range r.list(v, `"nodeAttrs"`) {
			r.nodeAttr(e)
		}
	}
	if v := r.top["autoApprovers"]; v != nil {
		r.autoApprovers(v)
	}
	if v := r.top["tests"]; v != nil {
		r.p.tests = r.tests(v)
	}
	if v := r.top["ssh"]; v != nil {
		r.p.SSH, r.p.ssh = true, r.ssh(v)
	}
	if v := r.top["sshTests"]; v != nil {
		r.p.sshTests = r.sshTests(v)
	}
	if v := r.top["randomizeClientPort"]; v != nil {
		r.p.RandomPorts = r.boolean(v, `"randomizeClientPort"`)
	}
	for _, name := range []string{"postures", "defaultSrcPosture", "ipsets"} {
		if v := r.top[name]; v != nil {
			r.problem(v, "remove it from the policy for the lab", "the lab cannot do %q", name)
		}
	}
	for name, why := range ignored {
		if v := r.top[name]; v != nil {
			r.note(v, "the lab keeps "+name+" and does nothing with it: "+why)
		}
	}
}

func (r *parser) note(v *hujson.Value, what string) {
	line, column := r.place(v)
	r.p.Notes = append(r.p.Notes, Problem{Line: line, Column: column, What: what})
}

func (r *parser) nodeAttr(v *hujson.Value) {
	f := r.fields(v, "an entry of nodeAttrs", "target", "attr", "app", "ipPool")
	var a nodeAttr
	if f["target"] == nil {
		r.problem(v, `add "target": ["*"] or some tags`, "an entry of nodeAttrs has no target")
	} else {
		a.target = r.selectors(f["target"], "target", inTarget)
	}
	if f["attr"] != nil {
		a.attr, _ = r.texts(f["attr"], "attr")
	}
	if f["app"] != nil {
		a.app = r.capabilities(f["app"])
	}
	if f["ipPool"] != nil {
		r.note(f["ipPool"], "the lab keeps ipPool and does nothing with it: addresses follow from names")
	}
	r.p.attrs = append(r.p.attrs, a)
}

func (r *parser) autoApprovers(v *hujson.Value) {
	f := r.fields(v, "autoApprovers", "routes", "exitNode", "services")
	if f["routes"] != nil {
		for _, m := range r.members(f["routes"], "routes of autoApprovers") {
			p, err := netip.ParsePrefix(m.name)
			if err != nil || p != p.Masked() {
				r.problem(m.at, prefixHint(m.name), "%q is no prefix", m.name)
			}
			r.p.routes = append(r.p.routes, routeApprover{p, r.selectors(m.v, "the approvers of "+m.name, inTagOwners)})
		}
	}
	if f["exitNode"] != nil {
		r.p.exitNode = r.selectors(f["exitNode"], "exitNode", inTagOwners)
	}
	if f["services"] != nil {
		r.note(f["services"], "the lab keeps autoApprovers.services and does nothing with it")
	}
}

// AsErrors are err's problems, if it is about a policy.
func AsErrors(err error) Errors {
	var e Errors
	errors.As(err, &e)
	return e
}
