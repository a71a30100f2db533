package tailnet

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"homelab/cloud/policy"
)

// Realm is what one tailnet has for itself. The lab begins with one, the home tailnet, whose id
// is empty; a person may found another, whose id is their login.
type Realm struct {
	ID         string `json:"-"`
	Domain     string
	PolicyText string
	Settings   Settings
	DNS        DNS

	policy *policy.Policy // of PolicyText
}

func (s *State) root() *State {
	if s.whole != nil {
		return s.whole
	}
	return s
}

func (s *State) realmOf(id string) *Realm {
	if id == s.ID {
		return &s.Realm
	}
	root := s.root()
	if r := root.Others[id]; r != nil {
		return r
	}
	return &root.Realm
}

// In is the state as one tailnet has it: its people, nodes and keys, and the nodes of nobody.
func (s *State) In(id string) *State {
	root := s.root()
	if len(root.Others) == 0 {
		return root
	}
	v := *root
	v.whole, v.Realm = root, *root.realmOf(id)
	v.Users, v.Nodes, v.Keys = maps.Clone(root.Users), maps.Clone(root.Nodes), maps.Clone(root.Keys)
	maps.DeleteFunc(v.Users, func(_ userID, u *User) bool { return u.Realm != v.ID })
	maps.DeleteFunc(v.Nodes, func(_ nodeID, n *Node) bool { return n.Realm != v.ID && !n.Outside() })
	maps.DeleteFunc(v.Keys, func(_ string, k *Key) bool { return k.Realm != v.ID })
	return &v
}

// Within changes one tailnet of the whole state.
func (s *State) Within(realm string, f func(*State) error) error {
	v := s.In(realm)
	if err := f(v); err != nil {
		return err
	}
	s.merge(v)
	return nil
}

// merge takes over into the whole state what was changed in a view of it.
func (s *State) merge(v *State) {
	if v == s {
		return
	}
	maps.DeleteFunc(s.Users, func(_ userID, u *User) bool { return u.Realm == v.ID })
	maps.DeleteFunc(s.Nodes, func(_ nodeID, n *Node) bool { return n.Realm == v.ID || n.Outside() })
	maps.DeleteFunc(s.Keys, func(_ string, k *Key) bool { return k.Realm == v.ID })
	maps.Copy(s.Users, v.Users)
	maps.Copy(s.Nodes, v.Nodes)
	maps.Copy(s.Keys, v.Keys)
	s.Events, s.Shares = v.Events, v.Shares
	if v.ID == "" {
		s.Realm = v.Realm
	} else {
		r := v.Realm
		s.Others[v.ID] = &r
	}
}

// Found gives a person a tailnet of their own; who has one keeps it.
func (s *State) Found(login string) error {
	login, err := CheckLogin(login)
	if err != nil {
		return err
	}
	root := s.root()
	if root.ownerOf(login) != nil {
		return nil
	}
	p, err := policy.Parse([]byte(policy.Default))
	if err != nil {
		return err
	}
	root.Others[login] = &Realm{ID: login, Domain: root.freeDomain(login), PolicyText: policy.Default, policy: p,
		Settings: Settings{KeyDurationDays: root.Settings.KeyDurationDays}, DNS: DNS{MagicDNS: true}}
	u := root.newUser(login, "owner")
	u.Realm = login
	root.Users[u.ID] = u
	return nil
}

// ownerOf is the person of that login who owns a tailnet.
func (s *State) ownerOf(login string) *User {
	for _, u := range s.root().Users {
		if u.Login == login && u.Role == "owner" {
			return u
		}
	}
	return nil
}

// Two words name a tailnet: which ones follows from its owner.
var (
	firstWords  = []string{"amber", "brave", "calm", "dusty", "early", "fancy", "happy", "jolly", "lucky", "mellow", "quiet", "rapid"}
	secondWords = []string{"badger", "bison", "crane", "dingo", "falcon", "gecko", "heron", "lynx", "otter", "panda", "robin", "walrus"}
)

func (s *State) freeDomain(login string) string {
	for try := 0; ; try++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", login, try))
		name := firstWords[int(sum[0])%len(firstWords)] + "-" + secondWords[int(sum[1])%len(secondWords)] + ".ts.net"
		taken := slices.ContainsFunc(slices.Collect(maps.Values(s.Others)), func(r *Realm) bool { return r.Domain == name })
		if name != s.Domain && !taken {
			return name
		}
	}
}

// RealmOfKey is the id of the tailnet that a secret belongs to.
func (s *State) RealmOfKey(secret string) string {
	if k := s.root().FindKey(secret); k != nil {
		return k.Realm
	}
	return ""
}

// RealmOfLogin is the id of the tailnet that a person owns; the home tailnet for everybody else.
func (s *State) RealmOfLogin(login string) string {
	if u := s.ownerOf(login); u != nil {
		return u.Realm
	}
	return ""
}
