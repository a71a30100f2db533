package tailnet

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"tailscale.com/net/tsaddr"
	"tailscale.com/tailcfg"
)

// Ids and addresses follow from names, so that a lab's outputs are the same from run to run,
// whoever was first. Where two names meet, the later one takes the next free place.

// Label makes a DNS label of a host name, as the real service does: lower case, other
// characters become dashes.
func Label(hostname string) string {
	hostname, _, _ = strings.Cut(hostname, ".")
	var b strings.Builder
	for _, c := range strings.ToLower(hostname) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			b.WriteRune(c)
		} else if b.Len() > 0 && !strings.HasSuffix(b.String(), "-") {
			b.WriteByte('-')
		}
	}
	label := strings.Trim(b.String(), "-")
	if len(label) > 63 {
		label = strings.Trim(label[:63], "-")
	}
	if label == "" {
		return "node"
	}
	return label
}

// freeLabel is label, or label-1, label-2 … if another node has it.
func (s *State) freeLabel(label string, self tailcfg.NodeID, realm string) string {
	taken := func(l string) bool {
		for id, n := range s.Nodes {
			if id != self && n.Label == l && n.Realm == realm {
				return true
			}
		}
		return false
	}
	if !taken(label) {
		return label
	}
	for i := 1; ; i++ {
		if l := fmt.Sprintf("%s-%d", label, i); !taken(l) {
			return l
		}
	}
}

func hashOf(kind, name string, try int) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d", kind, name, try))
	return binary.BigEndian.Uint64(sum[:])
}

// newNodeID is a node's id, of the 16 digits or so that real ones have.
func (s *State) newNodeID(label string) tailcfg.NodeID {
	for try := 0; ; try++ {
		id := tailcfg.NodeID(hashOf("node", label, try)%9e15 + 1e15)
		if s.Nodes[id] == nil && s.root().Nodes[id] == nil {
			return id
		}
	}
}

const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

func stableID(id tailcfg.NodeID) tailcfg.StableNodeID {
	n, b := uint64(id), []byte{}
	for n > 0 {
		b = append(b, alphabet[n%uint64(len(alphabet))])
		n /= uint64(len(alphabet))
	}
	return tailcfg.StableNodeID("n" + string(b) + "CNTRL")
}

// Nodes live in 100.64.0.0 to 100.126.255.255; the rest of the carrier-grade NAT range is kept
// for outsiders.
var (
	reserved = []netip.Prefix{
		netip.MustParsePrefix("100.100.0.0/24"),   // Tailscale's own services
		netip.MustParsePrefix("100.100.100.0/24"), // MagicDNS
		netip.MustParsePrefix("100.115.92.0/23"),  // ChromeOS
	}
	cgnat = netip.MustParsePrefix("100.64.0.0/10")
)

func (s *State) newIPv4(label string, isOutside bool) netip.Addr {
	for try := 0; ; try++ {
		h := hashOf("ip", label, try)
		b := cgnat.Addr().As4()
		b[1] |= byte(h>>16) & 0x3f
		b[2], b[3] = byte(h>>8), byte(h)
		if isOutside {
			b[1] = outside.Addr().As4()[1]
		}
		a := netip.AddrFrom4(b)
		if b[3] != 0 && b[3] != 255 && s.ipv4Free(a) && outside.Contains(a) == isOutside {
			return a
		}
	}
}

func (s *State) ipv4Free(a netip.Addr) bool {
	if !cgnat.Contains(a) {
		return false
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	for _, nodes := range []map[tailcfg.NodeID]*Node{s.Nodes, s.root().Nodes} {
		for _, n := range nodes {
			if n.IPv4 == a {
				return false
			}
		}
	}
	return true
}

// IPv6 is the address of the same node in Tailscale's IPv6 range.
func (n *Node) IPv6() netip.Addr { return tsaddr.Tailscale4To6(n.IPv4) }

func (s *State) newUserID(login string) tailcfg.UserID {
	for try := 0; ; try++ {
		id := tailcfg.UserID(hashOf("user", login, try)%9e14 + 1e14)
		if s.Users[id] == nil && s.root().Users[id] == nil && id != TaggedUser.ID {
			return id
		}
	}
}
