package policy

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

type selectorKind int

const (
	selAny selectorKind = iota
	selUser
	selGroup
	selTag
	selAuto
	selPrefix // also a host
)

// selector picks devices or people.
type selector struct {
	kind   selectorKind
	name   string
	prefix netip.Prefix
}

// Where a selector stands decides what it may be.
type position int

const (
	inSrc position = iota
	inDst
	inTagOwners // and other lists of who may do something
	inTarget
	inSSHSrc
	inSSHDst
	inRecorder
)

var (
	tagName  = regexp.MustCompile(`^tag:[a-zA-Z][a-zA-Z0-9-]*$`)
	userName = regexp.MustCompile(`^[^@\s:*]+@[^@\s:*]+$`)
)

var autogroups = map[position][]string{
	inSrc:       {"autogroup:member", "autogroup:members", "autogroup:owner", "autogroup:admin", "autogroup:network-admin", "autogroup:it-admin", "autogroup:billing-admin", "autogroup:auditor", "autogroup:tagged", "autogroup:shared", "autogroup:danger-all"},
	inDst:       {"autogroup:member", "autogroup:members", "autogroup:owner", "autogroup:admin", "autogroup:network-admin", "autogroup:it-admin", "autogroup:billing-admin", "autogroup:auditor", "autogroup:tagged", "autogroup:self", "autogroup:internet"},
	inTagOwners: {"autogroup:member", "autogroup:members", "autogroup:owner", "autogroup:admin", "autogroup:network-admin", "autogroup:it-admin", "autogroup:tagged"},
	inSSHSrc:    {"autogroup:member", "autogroup:members", "autogroup:owner", "autogroup:admin", "autogroup:network-admin", "autogroup:it-admin", "autogroup:billing-admin", "autogroup:auditor", "autogroup:tagged", "autogroup:shared"},
	inSSHDst:    {"autogroup:self"},
	inTarget:    {"autogroup:member", "autogroup:members", "autogroup:owner", "autogroup:admin", "autogroup:network-admin", "autogroup:it-admin", "autogroup:tagged"},
}

func (r *parser) selectors(v *hujson.Value, what string, pos position) []selector {
	texts, at := r.texts(v, what)
	var out []selector
	for i, t := range texts {
		if s, ok := r.selector(at[i], t, pos); ok {
			out = append(out, s)
		}
	}
	return out
}

// selector understands one text, in one place.
func (r *parser) selector(v *hujson.Value, text string, pos position) (selector, bool) {
	if pos == inRecorder && !strings.HasPrefix(text, "tag:") {
		r.problem(v, `such as "tag:recorder"`, "%q cannot record: a recorder is a machine with a tag", text)
		return selector{}, false
	}
	if pos == inSSHDst && strings.HasPrefix(text, "group:") {
		r.problem(v, `say "autogroup:self", or give the machines a tag`, "%q cannot stand here: their devices belong to single people", text)
		return selector{}, false
	}
	switch {
	case text == "*":
		if pos >= inSSHSrc {
			r.problem(v, "name people, groups or tags", `"*" cannot stand here`)
			return selector{}, false
		}
		if pos == inTagOwners {
			r.problem(v, `name people, groups or tags; for everybody say "autogroup:member"`, `"*" cannot stand here`)
			return selector{}, false
		}
		return selector{kind: selAny}, true
	case strings.HasPrefix(text, "tag:"):
		if !tagName.MatchString(text) {
			r.problem(v, `such as "tag:container": letters, digits and dashes, a letter first`, "%q is no name of a tag", text)
			return selector{}, false
		}
		if _, ok := r.p.tagOwners[text]; !ok {
			r.problem(v, r.undefined(text, keys(r.p.tagOwners), `"tagOwners": {"`+text+`": ["autogroup:admin"]}`), "%s is not in tagOwners", text)
			return selector{}, false
		}
		return selector{kind: selTag, name: text}, true
	case strings.HasPrefix(text, "group:"):
		if _, ok := r.p.groups[text]; !ok {
			r.problem(v, r.undefined(text, keys(r.p.groups), `"groups": {"`+text+`": ["somebody@example.com"]}`), "%s is not in groups", text)
			return selector{}, false
		}
		return selector{kind: selGroup, name: text}, true
	case strings.HasPrefix(text, "autogroup:"):
		if !slices.Contains(autogroups[pos], text) {
			r.problem(v, meant(text, autogroups[pos], "known here: "+strings.Join(autogroups[pos], ", ")), "%q cannot stand here", text)
			return selector{}, false
		}
		return selector{kind: selAuto, name: strings.Replace(strings.TrimPrefix(text, "autogroup:"), "members", "member", 1)}, true
	case strings.HasPrefix(text, "ipset:"), strings.HasPrefix(text, "svc:"):
		r.problem(v, "use hosts or tags in the lab", "the lab cannot do %q", text)
		return selector{}, false
	case strings.Contains(text, "@"):
		if !userName.MatchString(text) {
			r.problem(v, "people are somebody@example.com", "%q is no person", text)
			return selector{}, false
		}
		return selector{kind: selUser, name: text}, true
	}
	if pos >= inSSHSrc {
		r.problem(v, "nobody can say whose machine an address is: name people, groups or tags", "%q cannot stand here", text)
		return selector{}, false
	}
	if p, ok := r.p.hosts[text]; ok {
		return selector{kind: selPrefix, name: text, prefix: p}, true
	}
	if p, err := parsePrefix(text); err == nil {
		if pos == inTagOwners || pos == inTarget {
			r.problem(v, "name people, groups or tags", "an address cannot stand here")
			return selector{}, false
		}
		return selector{kind: selPrefix, name: text, prefix: p}, true
	}
	if strings.ContainsAny(text, "/") || len(text) > 0 && text[0] >= '0' && text[0] <= '9' {
		r.problem(v, prefixHint(text), "%q is no address and no prefix", text)
	} else {
		r.problem(v, r.undefined(text, keys(r.p.hosts), `"hosts": {"`+text+`": "100.…"}; people are somebody@example.com, tags are tag:…`), "%q is not in hosts", text)
	}
	return selector{}, false
}

func (r *parser) undefined(text string, known []string, define string) string {
	return meant(text, known, "define it: "+define)
}

func keys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func parsePrefix(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err == nil && p != p.Masked() {
		return p, errHostBits
	}
	return p, err
}

var errHostBits = &Problem{What: "bits after the prefix"}

func (p *Problem) Error() string { return p.What }

// prefixHint says what is wrong with a prefix.
func prefixHint(text string) string {
	if p, err := netip.ParsePrefix(text); err == nil {
		return "it has bits behind its length: write " + p.Masked().String()
	}
	return "such as 10.20.0.0/24 or 100.64.0.7"
}

// any tells whether one of the selectors picks s.
func (p *Policy) any(sels []selector, s *Subject) bool {
	return slices.ContainsFunc(sels, func(x selector) bool { return p.picks(x, s) })
}

// picks tells whether the selector picks that device or person (for what it is, not for where it leads).
func (p *Policy) picks(x selector, s *Subject) bool {
	switch x.kind {
	case selAny:
		return true
	case selUser:
		return !s.tagged() && s.User == x.name
	case selGroup:
		return !s.tagged() && slices.Contains(p.groups[x.name], s.User)
	case selTag:
		return slices.Contains(s.Tags, x.name)
	case selPrefix:
		return slices.ContainsFunc(s.Addrs, x.prefix.Contains)
	}
	switch x.name {
	case "member":
		return !s.tagged() && s.User != "" && !s.Shared
	case "tagged":
		return s.tagged()
	case "danger-all":
		return true
	case "shared":
		return s.Shared
	case "internet", "self":
		return false // not a property of the device: see reach
	}
	return !s.tagged() && s.Role == x.name
}
