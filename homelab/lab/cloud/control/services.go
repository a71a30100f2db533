package control

import (
	"fmt"
	"log"
	"net/http"

	"tailscale.com/tailcfg"

	"homelab/cloud/tailnet"
)

// setDNS lets a node put the answer to its ACME challenge into public DNS.
func (s *Server) setDNS(w http.ResponseWriter, r *http.Request) {
	var req tailcfg.SetDNSRequest
	if !readJSON(w, r, &req) {
		return
	}
	st := s.net.View()
	n := st.ByKey(req.NodeKey)
	if n == nil || n.Machine != machineOf(r) {
		http.Error(w, "node not found", http.StatusNotFound)
		return
	}
	st = st.In(n.Realm)
	if !st.Settings.HTTPS {
		http.Error(w, "HTTPS certificates are not enabled for this tailnet: turn them on at "+LoginBase+"/admin/dns", http.StatusForbidden)
		return
	}
	name := "_acme-challenge." + st.FQDN(n)
	if req.Type != "TXT" || req.Name != name {
		http.Error(w, fmt.Sprintf("a node may set the TXT record %s, and no other", name), http.StatusForbidden)
		return
	}
	err := s.net.Update(func(st *tailnet.State) error {
		st.Texts[name] = []string{req.Value}
		return nil
	})
	if err == nil {
		err = s.publish()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	log.Printf("control: %s set %s", n.Label, name)
	writeJSON(w, tailcfg.SetDNSResponse{})
}

// queryFeature says where a feature is turned on that the node's person wants to use.
func (s *Server) queryFeature(w http.ResponseWriter, r *http.Request) {
	var req tailcfg.QueryFeatureRequest
	if !readJSON(w, r, &req) {
		return
	}
	st := s.net.View()
	n := st.ByKey(req.NodeKey)
	if n == nil || n.Machine != machineOf(r) {
		http.Error(w, "node not found", http.StatusNotFound)
		return
	}
	st = st.In(n.Realm)
	caps := capabilities(st, n)
	_, https := caps[tailcfg.CapabilityHTTPS]
	_, funnel := caps[tailcfg.NodeAttrFunnel]
	page := func(feature string) string { return LoginBase + "/f/" + feature + "?node=" + string(n.StableID) }
	switch {
	case req.Feature == "serve" && !https:
		writeJSON(w, tailcfg.QueryFeatureResponse{ShouldWait: true, URL: page("serve"),
			Text: "Serve is not enabled on your tailnet.\nTo enable, visit:"})
	case req.Feature == "funnel" && !(https && funnel):
		writeJSON(w, tailcfg.QueryFeatureResponse{ShouldWait: true, URL: page("funnel"),
			Text: "Funnel is not enabled on your tailnet.\nTo enable, visit:"})
	default:
		writeJSON(w, tailcfg.QueryFeatureResponse{Complete: true})
	}
}
