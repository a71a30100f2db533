// Package hub is the front of the lab's registry: it plays Docker Hub, its search and its tokens,
// and other registries, each under its own name, over one docker-registry.
//
// What the registry lacks is answered as the real one answers. Two things are ours, and say so: an
// image that the catalogue lists and nobody has supplied yet, and a registry that does not run.
package hub

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// registry is one name on the internet.
type registry struct {
	namespace string // of its repositories in the one registry that we have
	realm     string // where its tokens are had
	service   string
	// deniesTokens says where an unknown repository is refused: at the token, or with it.
	deniesTokens bool
	listed       map[string]entry
	upstream     *upstream
}

// New is a handler for each of Names, over the docker-registry at an address such as 127.0.0.1:5000.
func New(address string) map[string]http.Handler {
	up := newUpstream(address)
	docker := &registry{namespace: "docker.io", realm: "https://auth.docker.io/token", service: "registry.docker.io",
		listed: catalogue, upstream: up}
	index := http.NewServeMux()
	index.HandleFunc("GET /v1/_ping", ping)
	index.HandleFunc("GET /v1/search", search)
	index.Handle("/v2/", docker)
	tokens := http.NewServeMux()
	tokens.HandleFunc("/token", docker.token)
	handlers := map[string]http.Handler{"registry-1.docker.io": docker, "index.docker.io": index, "auth.docker.io": tokens}
	for _, name := range []string{"ghcr.io", "lscr.io"} {
		r := &registry{namespace: name, realm: "https://" + name + "/token", service: name, deniesTokens: true,
			listed: catalogue, upstream: up}
		both := http.NewServeMux()
		both.HandleFunc("/token", r.token)
		both.Handle("/v2/", r)
		handlers[name] = both
	}
	return handlers
}

// asked finds the repository, the kind of thing and its name in a path of the registry API.
var asked = regexp.MustCompile(`^/v2/(` + component + `(?:/` + component + `)*)/(manifests|blobs|tags)/([^/]+)/?$`)

const component = `[a-z0-9]+(?:[._-]+[a-z0-9]+)*`

func (r *registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	// Before anything else, so that a registry that does not run is not taken for one that refuses.
	if err := r.upstream.alive(req.Context()); err != nil {
		unavailable(w)
		return
	}
	granted, hasToken := readToken(req)
	path := asked.FindStringSubmatch(req.URL.Path)
	if path == nil {
		switch {
		case req.URL.Path != "/v2/":
			fail(w, http.StatusNotFound, "UNSUPPORTED", "The operation is unsupported.")
		case !hasToken:
			r.challenge(w, "", false)
		default:
			w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
			reply(w, http.StatusOK, struct{}{})
		}
		return
	}
	name, kind, reference := path[1], path[2], path[3]
	if !granted[r.namespace+"/"+name] || (req.Method != http.MethodGet && req.Method != http.MethodHead) {
		r.challenge(w, name, hasToken)
		return
	}
	if kind == "manifests" && !r.upstream.has(req.Context(), r.namespace+"/"+name) {
		fail(w, http.StatusNotFound, "MANIFEST_UNKNOWN", r.absent(name, reference))
		return
	}
	r.upstream.serve(w, req, r.namespace)
}

// absent says why an image that the catalogue lists is not there.
func (r *registry) absent(name, tag string) string {
	familiar := strings.TrimPrefix(strings.TrimPrefix(r.namespace+"/"+name, "docker.io/"), "library/")
	if r.listed[r.namespace+"/"+name].Offered {
		return "the lab's hub was not asked to offer it yet: python -m homelab.lab supply " + familiar + ":" + tag
	}
	return "the lab's hub lists " + familiar + " and cannot offer it"
}

// challenge asks for a token, or says that the one given does not reach this far.
func (r *registry) challenge(w http.ResponseWriter, name string, hasToken bool) {
	header := `Bearer realm="` + r.realm + `",service="` + r.service + `"`
	if name != "" {
		header += `,scope="repository:` + name + `:pull"`
	}
	if hasToken {
		header += `,error="insufficient_scope"`
	}
	w.Header().Set("Www-Authenticate", header)
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	fail(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
}

func unavailable(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	fail(w, http.StatusServiceUnavailable, "UNAVAILABLE",
		"the lab's registry does not run; it starts with the first image that is offered: python -m homelab.lab supply IMAGE")
}

func fail(w http.ResponseWriter, status int, code, message string) {
	reply(w, status, map[string]any{"errors": []map[string]any{{"code": code, "message": message, "detail": nil}}})
}

func reply(w http.ResponseWriter, status int, document any) {
	text, err := json.Marshal(document)
	if err != nil {
		panic(err) // documents of ours are plain data
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the caller has gone: no news
}

func wanted(q url.Values) (repositories []string) {
	for _, value := range q["scope"] {
		for _, scope := range strings.Fields(value) {
			if parts := strings.Split(scope, ":"); len(parts) == 3 && parts[0] == "repository" {
				repositories = append(repositories, parts[1])
			}
		}
	}
	return repositories
}
