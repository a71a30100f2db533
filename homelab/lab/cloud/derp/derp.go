// Package derp runs the lab's relay regions: DERP over HTTP(S) and STUN, each region on an address of its own.
package derp

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/netip"

	"tailscale.com/derp/derpserver"
	"tailscale.com/net/stunserver"
	"tailscale.com/tailcfg"
	"tailscale.com/types/key"

	"homelab/cloud/exits"
)

// FirstRegion is the id of the first region: 900 and up are free for private regions.
const FirstRegion = 900

// Two, because a client learns only by comparing two regions whether its NAT maps each destination anew.
var places = []struct{ code, name string }{{"mad", "Madrid (lab)"}, {"tor", "Toronto (lab)"}}

// Region is one relay.
type Region struct {
	ID     int
	Host   string
	Addr   netip.Addr
	server *derpserver.Server
}

// Regions makes a relay for each address; keys must be as many.
func Regions(addrs []netip.Addr, keys []key.NodePrivate) ([]*Region, error) {
	if len(addrs) > min(len(places), len(keys)) || len(addrs) == 0 {
		return nil, exits.Missing("give one or two", "the lab has %d relay regions, and was given %d addresses", len(places), len(addrs))
	}
	var out []*Region
	for i, a := range addrs {
		out = append(out, &Region{ID: FirstRegion + i, Host: HostName(i), Addr: a,
			server: derpserver.New(keys[i], func(string, ...any) {})})
	}
	return out, nil
}

// HostName is the public name of the i-th relay.
func HostName(i int) string { return fmt.Sprintf("derp%d.lab", i+1) }

// Map is what nodes are told about the regions.
func Map(regions []*Region) *tailcfg.DERPMap {
	m := &tailcfg.DERPMap{OmitDefaultRegions: true, Regions: map[int]*tailcfg.DERPRegion{}}
	for i, r := range regions {
		m.Regions[r.ID] = &tailcfg.DERPRegion{
			RegionID: r.ID, RegionCode: places[i].code, RegionName: places[i].name,
			Nodes: []*tailcfg.DERPNode{{Name: fmt.Sprintf("%da", r.ID), RegionID: r.ID, HostName: r.Host,
				IPv4: r.Addr.String(), IPv6: "none", CanPort80: true}},
		}
	}
	return m
}

// Handler answers a relay's web requests. names are the addresses in public DNS, for nodes whose own DNS does not answer.
func (r *Region) Handler(names func() map[string][]netip.Addr) http.Handler {
	m := http.NewServeMux()
	m.Handle("/derp", derpserver.Handler(r.server))
	m.HandleFunc("/derp/probe", derpserver.ProbeHandler)
	m.HandleFunc("/derp/latency-check", derpserver.ProbeHandler)
	m.HandleFunc("/generate_204", derpserver.ServeNoContent)
	m.HandleFunc("GET /bootstrap-dns", func(w http.ResponseWriter, req *http.Request) { bootstrapDNS(w, req, names()) })
	m.HandleFunc("/{$}", func(w http.ResponseWriter, req *http.Request) {
		fmt.Fprintf(w, "This is %s, a DERP relay of the lab (a stand-in; real relay code, made-up place).\n", r.Host)
	})
	return m
}

// bootstrapDNS tells a node that cannot resolve a name where it is. Without it the node would go on
// to a list of public servers that it was built with.
func bootstrapDNS(w http.ResponseWriter, r *http.Request, names map[string][]netip.Addr) {
	answer := map[string][]netip.Addr{}
	if asked := r.FormValue("q"); names[asked] != nil {
		answer[asked] = names[asked]
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		log.Printf("relay: answer: %v", err)
	}
}

// ListenSTUN binds the region's STUN port and answers on it until ctx ends.
func (r *Region) ListenSTUN(ctx context.Context) error {
	s := stunserver.New(ctx)
	if err := s.Listen(netip.AddrPortFrom(r.Addr, 3478).String()); err != nil {
		return err
	}
	go s.Serve()
	return nil
}
