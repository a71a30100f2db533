package tailnet

import (
	"tailscale.com/types/key"

	"homelab/cloud/policy"
)

// New is the tailnet of a first day: its owner, the default policy, MagicDNS on, HTTPS off.
func New(domain, owner string, relays int) (*State, error) {
	owner, err := CheckLogin(owner)
	if err != nil {
		return nil, err
	}
	p, err := policy.Parse([]byte(policy.Default))
	if err != nil {
		return nil, err
	}
	s := &State{Noise: key.NewMachine(), Realm: Realm{Domain: domain, PolicyText: policy.Default, policy: p,
		Settings: Settings{KeyDurationDays: 180}, DNS: DNS{MagicDNS: true}}}
	for range relays {
		s.RelayKeys = append(s.RelayKeys, key.NewNode())
	}
	s.fill()
	s.AddUser(owner, "owner")
	return s, nil
}
