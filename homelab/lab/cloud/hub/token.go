package hub

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

const tokenLife = 300 // seconds, as the real one's

// token answers who wants to pull. There are no accounts: whoever logs in is refused.
//
// Tokens are not signed: the lab has no secret images, they only have to work as the real ones do.
func (r *registry) token(w http.ResponseWriter, req *http.Request) {
	if _, _, login := req.BasicAuth(); login || req.Method != http.MethodGet {
		fail(w, http.StatusUnauthorized, "UNAUTHORIZED", "incorrect username or password")
		return
	}
	granted := []string{}
	for _, name := range wanted(req.URL.Query()) {
		full := r.namespace + "/" + name
		_, known := r.listed[full]
		switch {
		case known || r.upstream.has(req.Context(), full):
			granted = append(granted, full)
		case r.deniesTokens:
			fail(w, http.StatusForbidden, "DENIED", "requested access to the resource is denied")
			return
		}
	}
	text, err := json.Marshal(granted)
	if err != nil {
		panic(err) // strings
	}
	token := base64.RawURLEncoding.EncodeToString(text)
	reply(w, http.StatusOK, map[string]any{"token": token, "access_token": token, "expires_in": tokenLife,
		"issued_at": time.Now().UTC().Format(time.RFC3339)})
}

// readToken is the repositories that a request may read, and whether it has a token at all.
func readToken(req *http.Request) (granted map[string]bool, ok bool) {
	text, ok := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return nil, false
	}
	plain, err := base64.RawURLEncoding.DecodeString(text)
	var names []string
	if err != nil || json.Unmarshal(plain, &names) != nil {
		return nil, false
	}
	granted = map[string]bool{}
	for _, name := range names {
		granted[name] = true
	}
	return granted, true
}
