package policy

import (
	"errors"
	"strings"
	"testing"

	"go4.org/netipx"
)

// netipSet collects what a node takes for itself.
type netipSet struct{ b netipx.IPSetBuilder }

func (s *netipSet) add(n Subject) {
	for _, a := range n.Addrs {
		s.b.Add(a)
	}
	for _, r := range n.Routes {
		s.b.AddPrefix(r)
	}
}

func (s *netipSet) set(t *testing.T) *netipx.IPSet {
	t.Helper()
	set, err := s.b.IPSet()
	if err != nil {
		t.Fatal(err)
	}
	s.b.AddSet(set)
	return set
}

func TestPolicyTests(t *testing.T) {
	const rules = `"grants": [{"src": ["group:friends"], "dst": ["tag:web"], "ip": ["tcp:443"]}, {"src": ["alice@example.com"], "dst": ["*"], "ip": ["*"]},
		{"src": ["autogroup:member"], "dst": ["autogroup:self"], "ip": ["*"]}], `
	for name, tt := range map[string]struct{ tests, want string }{
		"holds":              {`{"src": "bob@example.com", "accept": ["tag:web:443"], "deny": ["tag:web:22", "alice@example.com:443"]}`, ""},
		"wrongly accepted":   {`{"src": "alice@example.com", "deny": ["tag:web:22"]}`, `alice@example.com: address "tag:web:22": want: Drop, got: Accept`},
		"wrongly denied":     {`{"src": "bob@example.com", "accept": ["tag:web:22"]}`, `bob@example.com: address "tag:web:22": want: Accept, got: Drop`},
		"by protocol":        {`{"src": "bob@example.com", "proto": "udp", "deny": ["tag:web:443"]}`, ""},
		"self":               {`{"src": "bob@example.com", "accept": ["bob@example.com:22"]}`, ""},
		"a host by its name": {`{"src": "alice@example.com", "accept": ["db:5432"]}`, ""},
		"a tag as a source":  {`{"src": "tag:web", "deny": ["alice@example.com:22"]}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte("{" + names + rules + `"tests": [` + tt.tests + "]}"))
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
