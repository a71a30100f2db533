package adminapi

import (
	"slices"
	"time"

	"homelab/cloud/policy"
	"homelab/cloud/tailnet"
)

func (a *API) keys(on func(pattern, scope string, h handler)) {
	on("GET /api/v2/tailnet/{tailnet}/keys", "auth_keys", a.listKeys)
	on("POST /api/v2/tailnet/{tailnet}/keys", "auth_keys", a.createKey)
	on("GET /api/v2/tailnet/{tailnet}/keys/{key}", "auth_keys", func(c *call) (any, error) {
		k := a.net.View().Keys[c.r.PathValue("key")]
		if k == nil {
			return nil, notFound("key")
		}
		return keyJSON(k), nil
	})
	on("PUT /api/v2/tailnet/{tailnet}/keys/{key}", "oauth_keys", a.setKey)
	on("DELETE /api/v2/tailnet/{tailnet}/keys/{key}", "auth_keys", func(c *call) (any, error) {
		return nil, a.net.Update(func(s *tailnet.State) error {
			if !s.Revoke(c.r.PathValue("key"), time.Now()) {
				return notFound("key")
			}
			return nil
		})
	})
}

type keyRequest struct {
	KeyType, Description string
	ExpirySeconds        *int64
	Scopes, Tags         []string
	Capabilities         struct {
		Devices struct {
			Create struct {
				Reusable, Ephemeral, Preauthorized bool
				Tags                               []string
			}
		}
	}
}

const (
	keyDefault = 90 * 24 * time.Hour
	keyLongest = 90 * 24 * time.Hour
)

// actor is who a token acts for: the person, or the tags of an OAuth client.
func actor(s *tailnet.State, token *tailnet.Key) policy.Subject {
	if token.Client != "" {
		return policy.Subject{Tags: token.Tags}
	}
	return s.User(token.User).Subject()
}

func (a *API) createKey(c *call) (any, error) {
	var req keyRequest
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	if len(req.Description) > 50 {
		return nil, badRequest("the description is longer than 50 characters")
	}
	k := tailnet.Key{Description: req.Description, User: c.token.User, Client: c.token.Client}
	var err error
	switch req.KeyType {
	case "", "auth":
		err = authKey(&k, &req, c.token)
	case "client":
		err = clientKey(&k, &req, c.token)
	case "api":
		err = badRequest("API access tokens are made on the Keys page")
	default:
		err = badRequest("the lab makes no keys of type %q: auth or client", req.KeyType)
	}
	if err != nil {
		return nil, err
	}
	var out map[string]any
	err = a.net.Update(func(s *tailnet.State) error {
		if len(k.Tags) > 0 {
			if err := s.CheckTags(actor(s, c.token), k.Tags); err != nil {
				return badRequest("%v", err)
			}
		}
		made, secret := s.NewKey(k)
		out = keyJSON(made)
		out["key"] = secret
		return nil
	})
	return out, err
}

func authKey(k *tailnet.Key, req *keyRequest, token *tailnet.Key) error {
	create := req.Capabilities.Devices.Create
	life := keyDefault
	if req.ExpirySeconds != nil {
		life = time.Duration(*req.ExpirySeconds) * time.Second
	}
	if life <= 0 || life > keyLongest {
		return badRequest("expirySeconds must be 1 to %d (90 days)", int(keyLongest.Seconds()))
	}
	k.Kind, k.Expires = tailnet.AuthKey, time.Now().Add(life).UTC()
	k.Reusable, k.Ephemeral, k.Preauthorized = create.Reusable, create.Ephemeral, create.Preauthorized
	k.Tags = unique(create.Tags)
	if token.Client != "" && len(k.Tags) == 0 {
		return badRequest("keys made by an OAuth client must have tags")
	}
	return nil
}

var knownScopes = []string{"all", "all:read", "auth_keys", "auth_keys:read", "oauth_keys", "oauth_keys:read", "devices", "devices:read",
	"devices:core", "devices:core:read", "devices:routes", "devices:routes:read", "policy_file", "policy_file:read",
	"dns", "dns:read", "users", "users:read", "feature_settings", "feature_settings:read"}

func clientKey(k *tailnet.Key, req *keyRequest, token *tailnet.Key) error {
	if token.Client != "" && !slices.Contains(token.Scopes, "all") {
		return &Error{Status: 403, Message: "an OAuth client makes no other clients"}
	}
	k.Kind, k.Scopes, k.Tags, k.Client = tailnet.ClientSecret, unique(req.Scopes), unique(req.Tags), ""
	return checkClient(k)
}

func checkClient(k *tailnet.Key) error {
	if len(k.Scopes) == 0 {
		return badRequest("an OAuth client needs scopes, such as auth_keys")
	}
	for _, s := range k.Scopes {
		if !slices.Contains(knownScopes, s) {
			return badRequest("%q is no scope of the lab", s)
		}
	}
	if len(k.Tags) == 0 && (slices.Contains(k.Scopes, "auth_keys") || slices.Contains(k.Scopes, "devices:core")) {
		return badRequest("an OAuth client with the scope auth_keys or devices:core needs tags")
	}
	return nil
}

func (a *API) setKey(c *call) (any, error) {
	var req keyRequest
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	var out map[string]any
	err := a.net.Update(func(s *tailnet.State) error {
		old := s.Keys[c.r.PathValue("key")]
		if old == nil {
			return notFound("key")
		}
		if old.Kind != tailnet.ClientSecret {
			return badRequest("only OAuth clients can be changed")
		}
		k := *old
		k.Scopes, k.Tags = unique(req.Scopes), unique(req.Tags)
		if req.Description != "" {
			k.Description = req.Description
		}
		if err := checkClient(&k); err != nil {
			return err
		}
		if err := s.CheckTags(actor(s, c.token), k.Tags); err != nil {
			return badRequest("%v", err)
		}
		s.Keys[k.ID] = &k
		out = keyJSON(&k)
		return nil
	})
	return out, err
}

func unique(l []string) []string {
	l = slices.Clone(l)
	slices.Sort(l)
	return slices.Compact(l)
}

func (a *API) listKeys(c *call) (any, error) {
	st := a.net.View()
	out := []map[string]any{}
	for _, k := range st.Keys {
		if k.Kind == tailnet.APIToken && k.Client != "" || k.Outside() {
			continue // a client's token is no key of its own; the others are the lab's
		}
		out = append(out, keyJSON(k))
	}
	slices.SortFunc(out, func(x, y map[string]any) int {
		return x["created"].(time.Time).Compare(y["created"].(time.Time))
	})
	return map[string]any{"keys": out}, nil
}

// keyJSON is a key without its secret.
func keyJSON(k *tailnet.Key) map[string]any {
	out := map[string]any{"id": k.ID, "keyType": k.Kind, "description": k.Description, "created": k.Created,
		"userId": userID(k.User), "invalid": k.Problem(time.Now()) != ""}
	if !k.Expires.IsZero() {
		out["expires"] = k.Expires
		out["expirySeconds"] = int64(k.Expires.Sub(k.Created).Round(time.Second).Seconds())
	}
	if !k.Revoked.IsZero() {
		out["revoked"] = k.Revoked
	}
	switch k.Kind {
	case tailnet.AuthKey:
		out["capabilities"] = map[string]any{"devices": map[string]any{"create": map[string]any{
			"reusable": k.Reusable, "ephemeral": k.Ephemeral, "preauthorized": k.Preauthorized, "tags": list(k.Tags)}}}
	case tailnet.ClientSecret:
		out["scopes"], out["tags"] = list(k.Scopes), list(k.Tags)
	}
	return out
}
