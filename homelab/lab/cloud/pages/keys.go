package pages

import (
	"fmt"
	"log"
	"net/http"
	"slices"
	"strings"
	"time"

	"homelab/cloud/tailnet"
)

type keyRow struct {
	ID, Description, Kind, About, State string
	Good                                bool
}

type keysBody struct {
	Rows          []keyRow
	Wrong, Secret string
}

func (p *Pages) keys(w http.ResponseWriter, r *http.Request) {
	p.showKeys(w, http.StatusOK, keysBody{})
}

var kindNames = map[string]string{tailnet.AuthKey: "Auth key", tailnet.ClientSecret: "OAuth client", tailnet.APIToken: "API access token"}

func (p *Pages) showKeys(w http.ResponseWriter, status int, body keysBody) {
	st := p.net.View()
	var all []*tailnet.Key
	for _, k := range st.Keys {
		if (k.Kind != tailnet.APIToken || k.Client == "") && !k.Outside() {
			all = append(all, k)
		}
	}
	slices.SortFunc(all, func(a, b *tailnet.Key) int { return a.Created.Compare(b.Created) })
	for _, k := range all {
		body.Rows = append(body.Rows, keyRowOf(k))
	}
	p.show(w, status, "keys", "Keys", body)
}

func keyRowOf(k *tailnet.Key) keyRow {
	var about []string
	if k.Kind == tailnet.AuthKey {
		about = append(about, map[bool]string{true: "reusable", false: "one-off"}[k.Reusable])
		if k.Ephemeral {
			about = append(about, "ephemeral")
		}
		if k.Preauthorized {
			about = append(about, "pre-approved")
		}
	}
	about = append(append(about, k.Scopes...), k.Tags...)
	x := keyRow{ID: k.ID, Description: k.Description, Kind: kindNames[k.Kind], About: strings.Join(about, ", "), Good: true, State: "does not expire"}
	if !k.Expires.IsZero() {
		x.State = "expires " + k.Expires.Format("2 Jan 2006")
	}
	if why := k.Problem(time.Now()); why != "" {
		x.Good = false
		_, x.State, _ = strings.Cut(why, ": ")
	}
	return x
}

// makeKey takes kind=auth|api|client with reusable, ephemeral, preauthorized, tags, scopes, days, description; or revoke=ID.
func (p *Pages) makeKey(w http.ResponseWriter, r *http.Request) {
	if !p.form(w, r) {
		return
	}
	var secret string
	err := p.net.Update(func(s *tailnet.State) error {
		if id := r.PostForm.Get("revoke"); id != "" {
			if !s.Revoke(id, time.Now()) {
				return fmt.Errorf("there is no key %q that could be revoked", id)
			}
			return nil
		}
		k, err := keyOf(r)
		if err != nil {
			return err
		}
		k.User = s.Owner().ID
		if err := s.CheckTags(s.Owner().Subject(), k.Tags); err != nil {
			return err
		}
		_, secret = s.NewKey(k)
		return nil
	})
	if err != nil {
		p.showKeys(w, statusOf(err), keysBody{Wrong: err.Error()})
		return
	}
	log.Printf("admin: keys: kind=%s revoke=%s", r.PostForm.Get("kind"), r.PostForm.Get("revoke"))
	p.showKeys(w, http.StatusOK, keysBody{Secret: secret})
}

func keyOf(r *http.Request) (tailnet.Key, error) {
	f := r.PostForm
	words := func(name string) []string {
		out := strings.FieldsFunc(f.Get(name), func(c rune) bool { return c == ',' || c == ' ' })
		slices.Sort(out)
		return slices.Compact(out)
	}
	days := 90
	if d := f.Get("days"); d != "" {
		if _, err := fmt.Sscanf(d, "%d", &days); err != nil || days < 1 || days > 90 {
			return tailnet.Key{}, fmt.Errorf("a key lives 1 to 90 days, not %q", d)
		}
	}
	k := tailnet.Key{Kind: f.Get("kind"), Description: f.Get("description"), Expires: time.Now().Add(time.Duration(days) * 24 * time.Hour).UTC()}
	switch k.Kind {
	case tailnet.AuthKey:
		k.Reusable, k.Ephemeral, k.Preauthorized, k.Tags = f.Get("reusable") != "", f.Get("ephemeral") != "", f.Get("preauthorized") != "", words("tags")
	case tailnet.ClientSecret:
		k.Expires, k.Scopes, k.Tags = time.Time{}, words("scopes"), words("tags")
		if len(k.Scopes) == 0 {
			return k, fmt.Errorf("an OAuth client needs scopes, such as auth_keys")
		}
		if len(k.Tags) == 0 {
			return k, fmt.Errorf("an OAuth client needs tags, such as tag:container")
		}
	case tailnet.APIToken:
	default:
		return k, fmt.Errorf("there are no keys of kind %q", k.Kind)
	}
	return k, nil
}
