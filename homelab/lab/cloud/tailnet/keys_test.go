package tailnet

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestRedeem(t *testing.T) {
	now := time.Now()
	for name, tt := range map[string]struct {
		key   Key
		after func(s *State, id string)
		twice bool
		want  string // of the error; "" is none
	}{
		"reusable, twice": {key: Key{Kind: AuthKey, Reusable: true}, twice: true},
		"one-off":         {key: Key{Kind: AuthKey}},
		"one-off, twice":  {key: Key{Kind: AuthKey}, twice: true, want: "it was for one machine, and is used up"},
		"not yet expired": {key: Key{Kind: AuthKey, Expires: now.Add(time.Second)}},
		"expired":         {key: Key{Kind: AuthKey, Reusable: true, Expires: now.Add(-time.Second)}, want: "it expired at "},
		"revoked":         {key: Key{Kind: AuthKey, Reusable: true}, after: func(s *State, id string) { s.Revoke(id, now) }, want: "it was revoked"},
		"an API token":    {key: Key{Kind: APIToken}, want: `is no auth key (it is of kind "api")`},
		"a client secret": {key: Key{Kind: ClientSecret}, want: `is no auth key (it is of kind "client")`},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := fresh()
			must(t, err)
			k, secret := s.NewKey(tt.key)
			if tt.after != nil {
				tt.after(s, k.ID)
			}
			if tt.twice {
				_, err := s.Redeem(secret, now)
				must(t, err)
			}
			got, err := s.Redeem(secret, now)
			var bad *KeyError
			switch {
			case tt.want == "" && (err != nil || got.ID != k.ID):
				t.Errorf("refused: %v", err)
			case tt.want != "" && (!errors.As(err, &bad) || !strings.HasPrefix(err.Error(), "invalid key: API key "+k.ID) || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestUnknownKey(t *testing.T) {
	s, err := fresh()
	must(t, err)
	if _, err := s.Redeem("tskey-auth-nope", time.Now()); err == nil || err.Error() != "invalid key: API key does not exist" {
		t.Errorf("got %v", err)
	}
}

func TestSecretIsNotKept(t *testing.T) {
	s, err := fresh()
	must(t, err)
	_, secret := s.NewKey(Key{Kind: AuthKey})
	if strings.Contains(strings.ToLower(toText(t, s)), secret[len(secret)-20:]) {
		t.Error("the state holds the secret")
	}
}

func TestRevokedClientTakesItsTokensAlong(t *testing.T) {
	s, err := fresh()
	must(t, err)
	c, _ := s.NewKey(Key{Kind: ClientSecret})
	_, token := s.NewKey(Key{Kind: APIToken, Client: c.ID, Expires: time.Now().Add(time.Hour)})
	s.Revoke(c.ID, time.Now())
	if s.FindKey(token) != nil {
		t.Error("the token outlives its client")
	}
}

func TestScopes(t *testing.T) {
	for _, tt := range []struct {
		scopes string
		scope  string
		write  bool
		want   bool
	}{
		{"all", "dns", true, true}, {"all:read", "dns", false, true}, {"all:read", "dns", true, false},
		{"devices", "devices:core", true, true}, {"devices:core", "devices:routes", true, false},
		{"devices:core:read", "devices:core", false, true}, {"devices:core:read", "devices:core", true, false}, {"auth_keys", "policy_file", false, false},
	} {
		k := Key{Client: "c", Scopes: strings.Fields(tt.scopes)}
		if got := k.Allows(tt.scope, tt.write); got != tt.want {
			t.Errorf("%s allows %s (write %v): %v", tt.scopes, tt.scope, tt.write, got)
		}
	}
	if !(&Key{}).Allows("anything", true) {
		t.Error("a person's token may not do everything")
	}
}
