// Package web sends each public name of the cloud to who plays it.
package web

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"homelab/cloud/exits"
)

// Names of the cloud's own address, all of them. LoginServer names come first.
var Names = []string{"controlplane.tailscale.com", "login.tailscale.com", "headscale.lab", "api.tailscale.com",
	"tailscale.com", "pkgs.tailscale.com", "acme-v02.api.letsencrypt.org", "whatismyip.lab", "miniflux.app",
	"registry-1.docker.io", "index.docker.io", "auth.docker.io", "ghcr.io", "lscr.io"}

// Hosts chooses a handler by the request's host name.
type Hosts struct {
	ByName map[string]http.Handler
	Other  http.Handler // an address, or a name that is nobody's
}

func (h *Hosts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.ToLower(r.Host)
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	if x, ok := h.ByName[strings.TrimSuffix(name, ".")]; ok {
		x.ServeHTTP(w, r)
		return
	}
	h.Other.ServeHTTP(w, r)
}

// WhatIsMyIP tells the caller's address.
func WhatIsMyIP(w http.ResponseWriter, r *http.Request) {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		http.Error(w, "no address", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = fmt.Fprintln(w, addr.Addr().Unmap()) // the caller has gone: no news
}

// Site serves the files of one name below www.
func Site(www, name string) (http.Handler, error) {
	dir := filepath.Join(www, name)
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return nil, exits.Missing("run `cloud repo` first", "there is no folder %s", dir)
	}
	files := http.FileServer(http.Dir(dir))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".sh") || strings.HasSuffix(r.URL.Path, ".list") {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		}
		files.ServeHTTP(w, r)
	}), nil
}

// Guard lets a handler's mistake end one request, not the process, and not in silence.
func Guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p) // how a handler hangs up on purpose
			default:
				log.Printf("web: %s %s%s: %v\n%s", r.Method, r.Host, r.URL.Path, p, debug.Stack())
				http.Error(w, "the lab's cloud made a mistake; its log says more", http.StatusInternalServerError)
			}
		}()
		h.ServeHTTP(w, r)
	})
}
