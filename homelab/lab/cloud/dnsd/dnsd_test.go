package dnsd

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func serve(t *testing.T) (*Records, func(net, name string, kind uint16) *dns.Msg) {
	t.Helper()
	r := NewRecords(map[string][]netip.Addr{"Fixed.lab.": {netip.MustParseAddr("203.0.113.9")}})
	s, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"), r)
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve()
	return r, func(net, name string, kind uint16) *dns.Msg {
		t.Helper()
		m := new(dns.Msg)
		m.SetQuestion(dns.Fqdn(name), kind)
		c := &dns.Client{Net: net}
		in, _, err := c.Exchange(m, s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
}

func TestAnswers(t *testing.T) {
	r, ask := serve(t)
	r.Push(Set{A: map[string][]netip.Addr{"a.lab": {netip.MustParseAddr("203.0.113.2"), netip.MustParseAddr("2001:db8::2")}, "fixed.lab": {netip.MustParseAddr("203.0.113.1")}},
		TXT: map[string][]string{"_acme-challenge.q.lab": {"one", "two"}}})
	for _, tt := range []struct {
		name  string
		kind  uint16
		want  string
		rcode int
	}{
		{"a.lab", dns.TypeA, "203.0.113.2", dns.RcodeSuccess},
		{"A.Lab", dns.TypeAAAA, "2001:db8::2", dns.RcodeSuccess},
		{"fixed.lab", dns.TypeA, "203.0.113.9", dns.RcodeSuccess}, // the command line outranks a push
		{"fixed.lab", dns.TypeAAAA, "", dns.RcodeSuccess},
		{"_acme-challenge.q.lab", dns.TypeTXT, `"one" "two"`, dns.RcodeSuccess},
		{"q.lab", dns.TypeA, "", dns.RcodeSuccess}, // exists, for a name lies below
		{"lab", dns.TypeA, "", dns.RcodeSuccess},
		{"nowhere.example.com", dns.TypeA, "", dns.RcodeNameError},
		{"a.lab", dns.TypeMX, "", dns.RcodeSuccess},
		{"whoami.akamai.net", dns.TypeA, "127.0.0.1", dns.RcodeSuccess}, // whoever asks
		{"whoami.akamai.net", dns.TypeAAAA, "", dns.RcodeSuccess},
	} {
		for _, net := range []string{"udp", "tcp"} {
			in := ask(net, tt.name, tt.kind)
			var got []string
			for _, rr := range in.Answer {
				got = append(got, strings.TrimPrefix(rr.String(), rr.Header().String()))
			}
			if s := strings.Join(got, " "); s != tt.want || in.Rcode != tt.rcode {
				t.Errorf("%s %s %s: %q %s, want %q", net, tt.name, dns.TypeToString[tt.kind], s, dns.RcodeToString[in.Rcode], tt.want)
			}
		}
	}
}

func TestLastPushCounts(t *testing.T) {
	r, ask := serve(t)
	r.Push(Set{A: map[string][]netip.Addr{"a.lab": {netip.MustParseAddr("203.0.113.2")}}})
	r.Push(Set{})
	if in := ask("udp", "a.lab", dns.TypeA); in.Rcode != dns.RcodeNameError {
		t.Errorf("still answered: %v", in)
	}
	if in := ask("udp", "fixed.lab", dns.TypeA); len(in.Answer) != 1 {
		t.Error("the fixed name is gone")
	}
}

func TestLongText(t *testing.T) {
	r, ask := serve(t)
	long := strings.Repeat("x", 700)
	r.Push(Set{TXT: map[string][]string{"t.lab": {long}}})
	in := ask("tcp", "t.lab", dns.TypeTXT)
	if got := strings.Join(in.Answer[0].(*dns.TXT).Txt, ""); got != long {
		t.Errorf("%d characters", len(got))
	}
	if in := ask("udp", "t.lab", dns.TypeTXT); !in.Truncated {
		t.Error("an answer too long for UDP is not marked so")
	}
}

func TestPortInUse(t *testing.T) {
	s, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"), NewRecords(nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(s.Addr(), NewRecords(nil)); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v", err)
	}
	if !slices.Equal(chunks(""), []string{""}) {
		t.Error("an empty text is one empty piece")
	}
}
