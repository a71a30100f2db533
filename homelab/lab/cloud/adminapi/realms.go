package adminapi

import (
	"net/http"
	"sync"

	"homelab/cloud/tailnet"
)

// Handler is the API of all tailnets: whose token it is decides which one is meant.
func (a *API) Handler() http.Handler {
	var mu sync.Mutex
	byRealm := map[string]http.Handler{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		realm := a.realmOf(r)
		mu.Lock()
		h := byRealm[realm]
		if h == nil {
			h = (&API{net: a.whole.In(realm), whole: a.whole, publish: a.publish}).handler()
			byRealm[realm] = h
		}
		mu.Unlock()
		h.ServeHTTP(w, r)
	})
}

// realmOf is the tailnet of the first secret in the request that is known.
func (a *API) realmOf(r *http.Request) string {
	for _, secret := range secrets(r) {
		if realm := a.whole.View().RealmOfKey(secret); realm != "" {
			return realm
		}
	}
	return ""
}

// sharedIn are the devices of other tailnets that people of this one have.
func (a *API) sharedIn(st *tailnet.State) []*tailnet.Node {
	var out []*tailnet.Node
	all := a.whole.View()
	for _, x := range st.Shares {
		if n := all.Nodes[x.Node]; n != nil && st.Users[x.With] != nil && n.Realm != st.ID {
			out = append(out, n)
		}
	}
	return out
}
