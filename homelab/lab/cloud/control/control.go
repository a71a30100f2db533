// Package control is the coordination server: it speaks to nodes over Noise, with Tailscale's own packages.
package control

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"time"

	"golang.org/x/net/http2"
	"tailscale.com/control/controlhttp/controlhttpserver"
	"tailscale.com/tailcfg"
	"tailscale.com/types/key"

	"homelab/cloud/tailnet"
	"homelab/cloud/web"
)

// LoginBase is where people sign in. Clients of the default control plane take no page from elsewhere.
const LoginBase = "https://login.tailscale.com"

// Server is the control plane of all tailnets.
type Server struct {
	net     *tailnet.Tailnet
	relays  *tailcfg.DERPMap
	publish func() error // public DNS, from the state
	noise   http.Handler
	http2   *http2.Server
}

// New makes the server. publish is called after a node has put something into public DNS, and
// returns once it is answered there.
func New(net *tailnet.Tailnet, relays *tailcfg.DERPMap, publish func() error) *Server {
	s := &Server{net: net, relays: relays, publish: publish,
		// A node whose cable was cut says no goodbye: ask.
		http2: &http2.Server{ReadIdleTimeout: 10 * time.Second, PingTimeout: 5 * time.Second}}
	m := http.NewServeMux()
	m.HandleFunc("POST /machine/register", s.register)
	m.HandleFunc("POST /machine/map", s.serveMap)
	m.HandleFunc("POST /machine/set-dns", s.setDNS)
	m.HandleFunc("POST /machine/feature/query", s.queryFeature)
	m.HandleFunc("GET /machine/ssh/action/{src}/to/{dst}", s.sshCheck)
	m.HandleFunc("POST /machine/ssh/notify", s.sshNotify)
	m.HandleFunc("POST /machine/update-health", accept)
	m.HandleFunc("POST /machine/audit-log", accept)
	m.HandleFunc("PATCH /machine/set-device-attr", accept)
	m.HandleFunc("GET /machine/whoami", s.whoAmI)
	m.HandleFunc("/", unknown)
	s.noise = web.Guard(m)
	return s
}

// accept takes what the lab has no use for.
func accept(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxRequest))
	w.WriteHeader(http.StatusNoContent)
}

func unknown(w http.ResponseWriter, r *http.Request) {
	log.Printf("control: no such request: %s %s", r.Method, r.URL.Path)
	http.Error(w, "the lab's control plane does not know "+r.Method+" "+r.URL.Path, http.StatusNotFound)
}

// Register adds the public requests to m.
func (s *Server) Register(m *http.ServeMux) {
	m.HandleFunc("GET /key", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, tailcfg.OverTLSPublicKeyResponse{PublicKey: s.net.View().Noise.Public()})
	})
	m.HandleFunc("/ts2021", s.serveNoise)
}

type peerKey struct{}

// serveNoise turns a web request into a Noise connection, and serves the node's requests in it.
func (s *Server) serveNoise(w http.ResponseWriter, r *http.Request) {
	// An hour-long connection must not inherit the time limits of a web request.
	ctx := context.WithoutCancel(r.Context())
	conn, err := controlhttpserver.AcceptHTTP(ctx, w, r, s.net.View().Noise, nil)
	if err != nil {
		return // the client sees why
	}
	defer conn.Close()
	s.http2.ServeConn(conn, &http2.ServeConnOpts{
		Context:    context.WithValue(ctx, peerKey{}, conn.Peer()),
		BaseConfig: &http.Server{Handler: s.noise, ErrorLog: log.Default()},
	})
}

// machineOf is the machine at the other end.
func machineOf(r *http.Request) key.MachinePublic {
	return r.Context().Value(peerKey{}).(key.MachinePublic)
}

const maxRequest = 4 << 20

// readJSON decodes the request, or answers that it cannot.
func readJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(io.LimitReader(r.Body, maxRequest)).Decode(into); err != nil {
		http.Error(w, "not understood: "+err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		log.Printf("control: answer: %v", err)
	}
}

func (s *Server) whoAmI(w http.ResponseWriter, r *http.Request) {
	m := machineOf(r)
	for _, n := range s.net.View().Nodes {
		if n.Machine == m {
			writeJSON(w, map[string]any{"name": s.net.View().FQDN(n), "addresses": n.Addrs()})
			return
		}
	}
	http.Error(w, "an unknown machine", http.StatusNotFound)
}
