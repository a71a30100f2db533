package tailnet

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/util/rands"
)

// Kinds of keys.
const (
	AuthKey      = "auth"   // lets machines join
	ClientSecret = "client" // an OAuth client's: gets access tokens
	APIToken     = "api"    // calls the admin API
)

// Key is any of them. The secret itself is shown once and not kept.
type Key struct {
	ID          string
	Kind        string
	Hash        string // of the secret, hexadecimal SHA-256
	Description string
	User        tailcfg.UserID
	Realm       string `json:",omitempty"` // id of the tailnet
	Created     time.Time
	Expires     time.Time // zero is never
	Revoked     time.Time
	// Of auth keys:
	Reusable, Ephemeral, Preauthorized bool
	Used                               int
	// Of auth keys and clients:
	Tags []string
	// Of auth keys of the lab's own, for nodes of nobody:
	Ingress bool
	Exit    *Location
	// Of clients and of tokens got by them:
	Scopes []string
	Client string // the client that a token or key was made by
}

// KeyError says why a key is not good; the beginning is the real service's.
type KeyError struct{ Reason string }

func (e *KeyError) Error() string { return "invalid key: " + e.Reason }

func hashKey(secret string) string {
	h := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(h[:])
}

// NewKey adds a key and returns its secret.
func (s *State) NewKey(k Key) (*Key, string) {
	k.ID = "k" + rands.HexString(10) + "CNTRL"
	secret := fmt.Sprintf("tskey-%s-%s-%s", k.Kind, k.ID, rands.HexString(32))
	return s.AddKey(k, secret), secret
}

// AddKey adds a key of which id and secret are given.
func (s *State) AddKey(k Key, secret string) *Key {
	k.Hash, k.Created, k.Realm = hashKey(secret), time.Now().UTC(), s.ID
	s.Keys[k.ID] = &k
	s.forgetTokens()
	return &k
}

// forgetTokens drops access tokens that are no longer good: one is made for every login of an OAuth client.
func (s *State) forgetTokens() {
	for id, k := range s.Keys {
		if k.Kind == APIToken && k.Client != "" && !k.Expires.IsZero() && k.Expires.Before(time.Now()) {
			delete(s.Keys, id)
		}
	}
}

// FindKey finds the key by its secret.
func (s *State) FindKey(secret string) *Key {
	h := hashKey(secret)
	for _, k := range s.Keys {
		if k.Hash == h {
			return k
		}
	}
	return nil
}

// Problem tells why the key is not good now; "" if it is.
func (k *Key) Problem(now time.Time) string {
	switch {
	case !k.Revoked.IsZero():
		return fmt.Sprintf("API key %s not valid: it was revoked", k.ID)
	case !k.Expires.IsZero() && !k.Expires.After(now):
		return fmt.Sprintf("API key %s not valid: it expired at %s", k.ID, k.Expires.UTC().Format(time.RFC3339))
	case k.Kind == AuthKey && !k.Reusable && k.Used > 0:
		return fmt.Sprintf("API key %s not valid: it was for one machine, and is used up", k.ID)
	}
	return ""
}

// Redeem takes an auth key for one machine. The error is a *KeyError.
func (s *State) Redeem(secret string, now time.Time) (*Key, error) {
	// A key may carry options after a question mark; they concern the client only.
	secret, _, _ = strings.Cut(secret, "?")
	k := s.FindKey(secret)
	if k == nil {
		return nil, &KeyError{"API key does not exist"}
	}
	if k.Kind != AuthKey {
		return nil, &KeyError{fmt.Sprintf("API key %s is no auth key (it is of kind %q): make an auth key on the Keys page", k.ID, k.Kind)}
	}
	if p := k.Problem(now); p != "" {
		return nil, &KeyError{p}
	}
	c := *k
	c.Used++
	s.Keys[c.ID] = &c
	return &c, nil
}

// Revoke ends a key.
func (s *State) Revoke(id string, now time.Time) bool {
	k := s.Keys[id]
	if k == nil || !k.Revoked.IsZero() {
		return false
	}
	c := *k
	c.Revoked = now.UTC()
	s.Keys[id] = &c
	for other, t := range s.Keys { // a client's tokens end with it
		if t.Client == id && t.Kind == APIToken {
			delete(s.Keys, other)
		}
	}
	return true
}

// Allows tells whether a token with these scopes may do something: scope is such as "devices:core",
// and reading needs less than writing.
func (k *Key) Allows(scope string, write bool) bool {
	if k.Client == "" { // a person's token
		return true
	}
	for _, has := range k.Scopes {
		if has == "all" || has == scope || strings.HasPrefix(scope, has+":") {
			return true
		}
	}
	return !write && (slices.Contains(k.Scopes, "all:read") || slices.Contains(k.Scopes, scope+":read"))
}
