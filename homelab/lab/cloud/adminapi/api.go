// Package adminapi is the lab's part of https://api.tailscale.com/api/v2: what the PyPI package
// `tailscale` and the client's own OAuth code ask for.
package adminapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"slices"
	"strings"
	"time"

	"homelab/cloud/tailnet"
)

// API serves the admin API of one tailnet.
type API struct {
	net   *tailnet.Tailnet
	whole *tailnet.Tailnet
	// publish is called when names in public DNS may have changed.
	publish func() error
}

// New makes the API; net holds all tailnets.
func New(net *tailnet.Tailnet, publish func() error) *API {
	return &API{net: net.In(""), whole: net, publish: publish}
}

// Error is an answer that is no success.
type Error struct {
	Status  int
	Message string
	Data    any
}

func (e *Error) Error() string { return e.Message }

func badRequest(format string, args ...any) error {
	return &Error{Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...)}
}

func notFound(what string) error {
	return &Error{Status: http.StatusNotFound, Message: what + " not found"}
}

// call is one request, by somebody whose token is good.
type call struct {
	w     http.ResponseWriter
	r     *http.Request
	token *tailnet.Key
	body  []byte
}

// handler answers with a value to be sent as JSON, raw text, or nil for an empty object.
type handler func(c *call) (any, error)

// raw is an answer that is sent as it is.
type raw string

const maxBody = 2 << 20

func (a *API) handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("POST /api/v2/oauth/token", a.token)
	on := func(pattern, scope string, h handler) {
		write := !strings.HasPrefix(pattern, "GET ")
		m.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { a.serve(w, r, scope, write, h) })
	}
	a.devices(on)
	a.keys(on)
	a.policy(on)
	a.dns(on)
	a.users(on)
	a.settings(on)
	a.logs(on)
	a.invites(on)
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		log.Printf("api: no such request: %s %s", r.Method, r.URL.Path)
		fail(w, &Error{Status: http.StatusNotFound, Message: "the lab's API does not know " + r.Method + " " + r.URL.Path})
	})
	return m
}

func (a *API) serve(w http.ResponseWriter, r *http.Request, scope string, write bool, h handler) {
	token, err := a.authenticate(r)
	if err == nil && !token.Allows(scope, write) {
		err = &Error{Status: http.StatusForbidden, Message: "calling actor does not have enough permissions to perform this function: it needs the scope " + scope}
	}
	if err == nil && r.PathValue("tailnet") != "" {
		err = a.checkTailnet(r.PathValue("tailnet"))
	}
	var body []byte
	if err == nil {
		if body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
			err = badRequest("cannot read the request: %v", err)
		}
	}
	if err != nil {
		fail(w, err)
		return
	}
	out, err := h(&call{w, r, token, body})
	if err != nil {
		fail(w, err)
		return
	}
	if write {
		log.Printf("api: %s %s by %s", r.Method, r.URL.Path, token.ID)
	}
	if text, ok := out.(raw); ok {
		if w.Header().Get("Content-Type") == "" {
			w.Header().Set("Content-Type", "application/json")
		}
		_, _ = io.WriteString(w, string(text)) // the client has gone: no news
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if out == nil {
		out = struct{}{}
	}
	if err := json.NewEncoder(w).Encode(out); err != nil {
		log.Printf("api: answer: %v", err)
	}
}

// authenticate finds the token: "Bearer TOKEN", or as the user name or password of basic authentication.
func (a *API) authenticate(r *http.Request) (*tailnet.Key, error) {
	for _, t := range secrets(r) {
		if k := a.net.View().FindKey(t); k != nil && k.Kind == tailnet.APIToken && k.Problem(time.Now()) == "" {
			return k, nil
		}
	}
	return nil, &Error{Status: http.StatusUnauthorized, Message: "API token invalid"}
}

// secrets are what the request says to be let in.
func secrets(r *http.Request) (out []string) {
	if user, password, ok := r.BasicAuth(); ok {
		out = []string{user, password}
	} else if t, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		out = []string{t}
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}

// checkTailnet takes "-" (the token's own), the name of the tailnet, or its owner's organisation.
func (a *API) checkTailnet(name string) error {
	st := a.net.View()
	_, org, _ := strings.Cut(st.Owner().Login, "@")
	if name == "-" || name == st.Domain || name == org || name == st.Owner().Login {
		return nil
	}
	return notFound("tailnet " + name)
}

func fail(w http.ResponseWriter, err error) {
	var e *Error
	var full *tailnet.SaveError
	switch {
	case errors.As(err, &e):
	case errors.As(err, &full):
		e = &Error{Status: http.StatusInternalServerError, Message: err.Error()}
	default:
		e = &Error{Status: http.StatusBadRequest, Message: err.Error()}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Status)
	out := map[string]any{"message": e.Message}
	if e.Data != nil {
		out["data"] = e.Data
	}
	if err := json.NewEncoder(w).Encode(out); err != nil {
		log.Printf("api: answer: %v", err)
	}
}

// decode reads the body's JSON; a key that the API does not know is an error.
func (c *call) decode(into any) error {
	d := json.NewDecoder(strings.NewReader(string(c.body)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return badRequest("the request is not understood: %v", err)
	}
	return nil
}
