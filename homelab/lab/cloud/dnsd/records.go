// Package dnsd is the lab's public DNS. It runs in a process of its own, so that names are
// answered while the rest of the cloud is away.
package dnsd

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// Set is what one source has to say: addresses and texts by name (lower case, no trailing dot).
type Set struct {
	A   map[string][]netip.Addr `json:"a"`
	TXT map[string][]string     `json:"txt"`
}

// Records are the names that the server answers: fixed ones, and the latest Set pushed by `serve`.
type Records struct {
	mu     sync.RWMutex
	fixed  map[string][]netip.Addr
	pushed Set
}

// NewRecords starts with the fixed names.
func NewRecords(fixed map[string][]netip.Addr) *Records {
	r := &Records{fixed: map[string][]netip.Addr{}}
	for name, addrs := range fixed {
		r.fixed[Canonical(name)] = slices.Clone(addrs)
	}
	return r
}

// Canonical is a name as it is kept here.
func Canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// Push replaces what `serve` said before; it stays until the next Push, whoever has died meanwhile.
func (r *Records) Push(s Set) {
	next := Set{A: map[string][]netip.Addr{}, TXT: map[string][]string{}}
	for name, addrs := range s.A {
		next.A[Canonical(name)] = slices.Clone(addrs)
	}
	for name, texts := range s.TXT {
		next.TXT[Canonical(name)] = slices.Clone(texts)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pushed = next
}

// Lookup answers for one name; known tells an empty answer from a name that does not exist.
func (r *Records) Lookup(name string) (addrs []netip.Addr, texts []string, known bool) {
	name = Canonical(name)
	r.mu.RLock()
	defer r.mu.RUnlock()
	a, inPushed := r.pushed.A[name]
	f, inFixed := r.fixed[name]
	t, inTXT := r.pushed.TXT[name]
	if inFixed { // the owner of the command line outranks a push
		a = f
	}
	known = inPushed || inFixed || inTXT || r.isParent(name)
	return a, t, known
}

// isParent tells whether some name lies below: such a name exists, though it has no records of its own.
func (r *Records) isParent(name string) bool {
	below := func(n string) bool { return strings.HasSuffix(n, "."+name) }
	for _, names := range []func(func(string) bool){maps.Keys(r.pushed.A), maps.Keys(r.fixed)} {
		for n := range names {
			if below(n) {
				return true
			}
		}
	}
	for n := range r.pushed.TXT {
		if below(n) {
			return true
		}
	}
	return false
}
