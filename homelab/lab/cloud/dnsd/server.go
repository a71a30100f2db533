package dnsd

import (
	"net"
	"net/netip"

	"github.com/miekg/dns"

	"homelab/cloud/exits"
)

// Answers may change at any moment in a lab (a Funnel opens, a challenge is set): keep caches short.
const ttlSeconds = 5

// whoAmI is a name on the real internet whose address is that of whoever asks for it: it tells
// which resolver carries a machine's questions. Nobody may remember that answer.
const whoAmI = "whoami.akamai.net"

// Server answers over UDP and TCP on one address.
type Server struct {
	records *Records
	udp     net.PacketConn
	tcp     net.Listener
}

// Listen binds addr, port 53 unless it says another.
func Listen(addr netip.AddrPort, records *Records) (*Server, error) {
	const hint = "stop the other process, or give the machine this address first"
	udp, err := net.ListenPacket("udp", addr.String())
	if err != nil {
		return nil, exits.Missing(hint, "DNS cannot listen on %s: %v", addr, err)
	}
	tcp, err := net.Listen("tcp", udp.LocalAddr().String())
	if err != nil {
		udp.Close()
		return nil, exits.Missing(hint, "DNS cannot listen on %s: %v", addr, err)
	}
	return &Server{records: records, udp: udp, tcp: tcp}, nil
}

// Addr is where the server listens.
func (s *Server) Addr() netip.AddrPort { return s.udp.LocalAddr().(*net.UDPAddr).AddrPort() }

// Serve answers until a listener fails.
func (s *Server) Serve() error {
	failed := make(chan error, 2)
	for _, d := range []*dns.Server{
		{PacketConn: s.udp, Handler: s},
		{Listener: s.tcp, Handler: s},
	} {
		go func() { failed <- d.ActivateAndServe() }()
	}
	return <-failed
}

// ServeDNS answers one question.
func (s *Server) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg)
	m.SetReply(q)
	m.Authoritative = true
	if len(q.Question) != 1 || q.Opcode != dns.OpcodeQuery {
		m.Rcode = dns.RcodeNotImplemented
	} else {
		s.answer(m, q.Question[0], asker(w))
	}
	if o := q.IsEdns0(); o != nil {
		m.SetEdns0(dns.DefaultMsgSize, false)
	}
	if w.LocalAddr().Network() == "udp" {
		size := dns.MinMsgSize
		if o := q.IsEdns0(); o != nil {
			size = max(size, int(o.UDPSize()))
		}
		m.Truncate(size)
	}
	// A client that has gone is no news.
	_ = w.WriteMsg(m)
}

// asker is whom the question came from.
func asker(w dns.ResponseWriter) netip.Addr {
	from, _ := netip.ParseAddrPort(w.RemoteAddr().String())
	return from.Addr().Unmap()
}

func (s *Server) answer(m *dns.Msg, q dns.Question, asker netip.Addr) {
	addrs, texts, known := s.records.Lookup(q.Name)
	ttl := uint32(ttlSeconds)
	if Canonical(q.Name) == whoAmI && asker.IsValid() {
		addrs, known, ttl = []netip.Addr{asker}, true, 0
	}
	head := func(t uint16) dns.RR_Header {
		return dns.RR_Header{Name: q.Name, Rrtype: t, Class: dns.ClassINET, Ttl: ttl}
	}
	if q.Qtype == dns.TypeA || q.Qtype == dns.TypeAAAA || q.Qtype == dns.TypeANY {
		for _, a := range addrs {
			switch {
			case a.Is4() && q.Qtype != dns.TypeAAAA:
				m.Answer = append(m.Answer, &dns.A{Hdr: head(dns.TypeA), A: a.AsSlice()})
			case a.Is6() && q.Qtype != dns.TypeA:
				m.Answer = append(m.Answer, &dns.AAAA{Hdr: head(dns.TypeAAAA), AAAA: a.AsSlice()})
			}
		}
	}
	if q.Qtype == dns.TypeTXT || q.Qtype == dns.TypeANY {
		for _, t := range texts {
			m.Answer = append(m.Answer, &dns.TXT{Hdr: head(dns.TypeTXT), Txt: chunks(t)})
		}
	}
	if !known {
		m.Rcode = dns.RcodeNameError
	}
	if len(m.Answer) == 0 {
		m.Ns = append(m.Ns, &dns.SOA{
			Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: ttlSeconds},
			Ns:  "dns.lab.", Mbox: "nobody.lab.", Serial: 1, Refresh: 60, Retry: 60, Expire: 60, Minttl: 1,
		})
	}
}

// chunks splits a text into the pieces of at most 255 bytes that a TXT record is made of.
func chunks(s string) []string {
	var out []string
	for len(s) > 255 {
		out, s = append(out, s[:255]), s[255:]
	}
	return append(out, s)
}
