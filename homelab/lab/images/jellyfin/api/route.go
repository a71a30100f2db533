package api

import (
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"strconv"
	"strings"

	"homelab/images/jellyfin/store"
)

// who may call a route.
type who int

const (
	anybody      who = iota
	user             // somebody who is logged in
	admin            // an administrator
	setupOrUser      // anybody until the wizard is done, then as user
	setupOrAdmin     // anybody until the wizard is done, then as admin
)

// route is a handler whose result becomes JSON; nil becomes 204, sent means that it has answered by itself.
type route struct {
	who    who
	handle func(*call) (any, error)
}

type sent struct{}

// call is one request: query names are in lower case, as ASP.NET does not care about it.
type call struct {
	w      http.ResponseWriter
	r      *http.Request
	query  map[string][]string
	user   *store.User // nil when nobody is logged in
	device store.Device
}

// refusal is an error with its HTTP status.
type refusal struct {
	status int
	text   string
}

func (e refusal) Error() string { return e.text }

var (
	notFound   = refusal{http.StatusNotFound, "not found"}
	forbidden  = refusal{http.StatusForbidden, "forbidden"}
	unknownWho = refusal{http.StatusUnauthorized, "Invalid token."}
)

func badRequest(text string) refusal { return refusal{http.StatusBadRequest, text} }

func (c *call) get(name string) string {
	if v := c.query[strings.ToLower(name)]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// list reads a parameter that may be repeated or hold several values with commas.
func (c *call) list(name string) []string {
	var all []string
	for _, v := range c.query[strings.ToLower(name)] {
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				all = append(all, part)
			}
		}
	}
	return all
}

func (c *call) number(name string) (n int, given bool) {
	n, err := strconv.Atoi(c.get(name))
	return n, err == nil
}

func (c *call) flag(name string) (value, given bool) {
	value, err := strconv.ParseBool(strings.ToLower(c.get(name)))
	return value, err == nil
}

// id reads an identifier from the path; Jellyfin writes them without dashes and accepts both.
func (c *call) id(name string) string { return plainID(c.r.PathValue(name)) }

func plainID(text string) string { return strings.ReplaceAll(strings.ToLower(text), "-", "") }

// body reads the request's JSON; no body at all leaves into as it is.
func (c *call) body(into any) error {
	err := json.NewDecoder(io.LimitReader(c.r.Body, 1<<20)).Decode(into)
	if err != nil && !errors.Is(err, io.EOF) {
		return badRequest("the body is no JSON: " + err.Error())
	}
	return nil
}

func (s *Server) guard(route route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{w: w, r: r, query: lowered(r)}
		err := s.authorize(c, route.who)
		var result any
		if err == nil {
			result, err = route.handle(c)
		}
		if _, done := result.(sent); !done {
			answer(w, result, err)
		}
	})
}

func lowered(r *http.Request) map[string][]string {
	query := map[string][]string{}
	for name, values := range r.URL.Query() {
		name = strings.ToLower(name)
		query[name] = append(query[name], values...)
	}
	return query
}

func answer(w http.ResponseWriter, result any, err error) {
	var no refusal
	switch {
	case errors.As(err, &no):
		http.Error(w, no.text, no.status)
	case err != nil:
		log.Printf("[ERR] %v", err)
		http.Error(w, "Error processing request.", http.StatusInternalServerError)
	case result == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_ = json.NewEncoder(w).Encode(result)
	}
}

// anyCase makes routes case-insensitive, as ASP.NET's are and clients rely on; the page's files stay as they are.
func anyCase(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/web/") {
			r.URL.Path = strings.ToLower(r.URL.Path)
			if len(r.URL.Path) > 1 {
				r.URL.Path = strings.TrimSuffix(r.URL.Path, "/")
			}
			if r.URL.Path == "/web" {
				toPage(w, r)
				return
			}
			r.URL.RawPath = ""
		}
		next.ServeHTTP(w, r)
	})
}

// logged writes one line a request, without the query: it may hold a token.
func logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := r.URL.Path; path != "/health" && !strings.HasPrefix(path, "/web/") {
			log.Printf("[INF] %s %s from %s", r.Method, path, r.RemoteAddr)
		}
		w.Header().Set("Server", "Homelab stand-in for Jellyfin")
		next.ServeHTTP(w, r)
	})
}
