package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// test is an entry of "tests": who can and who cannot reach what.
type test struct {
	src    Subject
	name   string
	protos []int
	accept []check
	deny   []check
}

type check struct {
	text string
	to   target
}

// TestResult is a test that failed, in the form of the real API.
type TestResult struct {
	User     string   `json:"user"`
	Errors   []string `json:"errors,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// TestsFailed says which of a policy's own tests do not hold.
type TestsFailed struct{ Results []TestResult }

func (e *TestsFailed) Error() string {
	lines := []string{"test(s) failed"}
	for _, r := range e.Results {
		for _, x := range r.Errors {
			lines = append(lines, r.User+": "+x)
		}
	}
	return strings.Join(lines, "\n")
}

func (r *parser) tests(v *hujson.Value) []test {
	var out []test
	for _, e := range r.list(v, `"tests"`) {
		f := r.fields(e, "a test", "src", "proto", "accept", "allow", "deny", "srcPostureAttrs", "user")
		if f["src"] == nil {
			f["src"] = f["user"] // its older name
		}
		if r.needs(e, f, "a test", "src") {
			continue
		}
		name, ok := r.text(f["src"], "src")
		if !ok {
			continue
		}
		s, ok := r.selector(f["src"], name, inSrc)
		if !ok {
			continue
		}
		t := test{name: name}
		if t.src, ok = r.subject(s); !ok {
			r.problem(f["src"], "a person, a tag, a host or an address", "a test cannot be about %q", name)
			continue
		}
		if f["proto"] != nil {
			if p, ok := r.text(f["proto"], "proto"); ok {
				t.protos = r.protocol(f["proto"], p)
			}
		}
		if f["accept"] == nil {
			f["accept"] = f["allow"] // its older name
		}
		t.accept, t.deny = r.checks(f["accept"]), r.checks(f["deny"])
		out = append(out, t)
	}
	return out
}

func (r *parser) checks(v *hujson.Value) []check {
	if v == nil {
		return nil
	}
	var out []check
	texts, at := r.texts(v, "a test's destinations")
	for i, text := range texts {
		to, ok := r.destination(at[i], text, nil)
		if !ok {
			continue
		}
		if _, ok := r.subject(to.sel); !ok || len(to.ports) != 1 || to.ports[0].First != to.ports[0].Last {
			r.problem(at[i], "one person, tag, host or address, and one port", "a test cannot ask for %q", text)
			continue
		}
		out = append(out, check{text, to})
	}
	return out
}

// subject stands for what a test names, with no device of it in existence.
func (r *parser) subject(s selector) (Subject, bool) {
	switch s.kind {
	case selUser:
		return Subject{User: s.name, Role: "member"}, true
	case selTag:
		return Subject{Tags: []string{s.name}}, true
	case selPrefix:
		return Subject{Addrs: []netip.Addr{s.prefix.Addr()}, Routes: []netip.Prefix{s.prefix}}, true
	}
	return Subject{}, false
}

// RunTests runs tests (a JSON list, as in "tests") against the policy. Errors are about the list itself,
// or a *TestsFailed.
func (p *Policy) RunTests(list []byte) error {
	if err := readable(list); err != nil {
		return err
	}
	v, err := hujson.Parse(list)
	if err != nil {
		return syntaxError(err)
	}
	r := &parser{reader: newReader(list), p: p}
	tests := r.tests(&v)
	if len(r.problems) > 0 {
		return Errors(r.sorted())
	}
	return failedTests(p.runTests(tests))
}

func failedTests(failed []TestResult) error {
	if failed == nil {
		return nil
	}
	return &TestsFailed{failed}
}

func (p *Policy) runTests(tests []test) []TestResult {
	var failed []TestResult
	for _, t := range tests {
		res := TestResult{User: t.name}
		for _, c := range t.accept {
			if !p.lets(&t, c.to) {
				res.Errors = append(res.Errors, fmt.Sprintf("address %q: want: Accept, got: Drop", c.text))
			}
		}
		for _, c := range t.deny {
			if p.lets(&t, c.to) {
				res.Errors = append(res.Errors, fmt.Sprintf("address %q: want: Drop, got: Accept", c.text))
			}
		}
		if res.Errors != nil {
			failed = append(failed, res)
		}
	}
	return failed
}

// lets tells whether some rule lets the test's source reach the target.
func (p *Policy) lets(t *test, to target) bool {
	r := parser{p: p}
	dst, _ := r.subject(to.sel)
	port := to.ports[0].First
	for i := range p.rules {
		rule := &p.rules[i]
		if !p.isSource(rule, &t.src) {
			continue
		}
		for _, x := range rule.dst {
			if p.covers(x.sel, &t.src, &dst) && slices.ContainsFunc(x.ports, func(o ports) bool {
				return o.First <= port && port <= o.Last && protosMeet(o.protos, t.protos)
			}) {
				return true
			}
		}
	}
	return false
}

func (p *Policy) covers(x selector, src, dst *Subject) bool {
	if onlyOwn(x) {
		return !src.tagged() && !dst.tagged() && src.User != "" && src.User == dst.User
	}
	if x.kind == selAuto && x.name == "internet" {
		return slices.ContainsFunc(dst.Addrs, func(a netip.Addr) bool {
			return slices.ContainsFunc(internet, func(p netip.Prefix) bool { return p.Contains(a) })
		})
	}
	return p.picks(x, dst)
}

// protosMeet tells whether a rule for some protocols serves a test of some; none named: TCP and UDP.
func protosMeet(rule, test []int) bool {
	if len(rule) == 0 {
		rule = []int{6, 17, 1, 58}
	}
	if len(test) == 0 {
		test = []int{6, 17}
	}
	return slices.ContainsFunc(test, func(x int) bool { return slices.Contains(rule, x) })
}
