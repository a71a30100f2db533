// Package api is the part of Immich's HTTP API that the lab's stages use. It is a stand-in, not Immich.
package api

import (
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"strconv"

	"homelab/images/immich/db"
	"homelab/images/immich/photos"
)

// Server answers the API's requests.
type Server struct {
	DB      *db.DB
	Files   photos.Files
	Version db.Version
	Web     http.Handler
}

// call is one request.
type call struct {
	w    http.ResponseWriter
	r    *http.Request
	user db.User // of who is logged in
}

type fields map[string]any

// handler's result becomes JSON; nil becomes 204, sent means that it has answered by itself.
type handler func(*call) (any, error)

type sent struct{}

// created is a result with the status 201.
type created struct{ body any }

// refusal is an error with its HTTP status.
type refusal struct {
	status int
	text   string
}

func (e refusal) Error() string { return e.text }

func bad(text string) refusal { return refusal{http.StatusBadRequest, text} }

// Handler is the whole server.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, handle := range s.open() {
		mux.Handle(pattern, serve(handle))
	}
	for _, group := range []map[string]handler{s.users(), s.server(), s.assets(), s.albums(), s.timeline()} {
		for pattern, handle := range group {
			mux.Handle(pattern, serve(s.known(handle)))
		}
	}
	mux.Handle("/", s.Web)
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		answer(w, nil, refusal{http.StatusNotFound, "Cannot " + r.Method + " " + r.URL.Path})
	})
	return logged(mux)
}

// open is what anybody may ask.
func (s *Server) open() map[string]handler {
	return map[string]handler{
		"GET /api/server/ping":            func(*call) (any, error) { return fields{"res": "pong"}, nil },
		"GET /api/server/version":         s.version,
		"GET /api/server/config":          s.config,
		"GET /api/public/config":          s.publicConfig,
		"GET /api/server/features":        s.features,
		"GET /api/server/media-types":     s.mediaTypes,
		"GET /api/server/version-history": s.history,
		"POST /api/auth/admin-sign-up":    s.signUp,
		"POST /api/auth/login":            s.login,
	}
}

func serve(handle handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		result, err := handle(&call{w: w, r: r})
		if _, done := result.(sent); !done {
			answer(w, result, err)
		}
	})
}

func answer(w http.ResponseWriter, result any, err error) {
	status := http.StatusOK
	if made, ok := result.(created); ok {
		status, result = http.StatusCreated, made.body
	}
	var no refusal
	switch {
	case errors.Is(err, db.ErrNone): // Immich does not tell a foreign asset from none
		no = bad("Not found or no access")
	case err != nil && !errors.As(err, &no):
		log.Printf("ERROR %v", err)
		no = refusal{http.StatusInternalServerError, "Internal server error"}
	}
	if err != nil {
		status = no.status
		result = fields{"message": no.text, "error": http.StatusText(no.status), "statusCode": no.status}
	}
	if result == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(result)
}

func (c *call) body(into any) error {
	if err := json.NewDecoder(io.LimitReader(c.r.Body, 1<<20)).Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return bad("the body is not what is expected: " + err.Error())
	}
	return nil
}

func (c *call) flag(name string) (value, given bool) {
	value, err := strconv.ParseBool(c.r.URL.Query().Get(name))
	return value, err == nil
}

func logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/server/ping" {
			log.Printf("%s %s from %s", r.Method, r.URL.Path, r.RemoteAddr)
		}
		w.Header().Set("Server", "Homelab stand-in for Immich")
		next.ServeHTTP(w, r)
	})
}
