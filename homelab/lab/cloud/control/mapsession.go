package control

import (
	"encoding/binary"
	"encoding/json"
	"net/http"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/util/zstdframe"

	"homelab/cloud/tailnet"
)

const (
	keepAlive = 50 * time.Second
	// Changes come in bursts (a node joins: its end points, its relay, its host info): send one answer for all.
	gather = 15 * time.Millisecond
)

// serveMap takes what a node says of itself, and streams to it what it should know.
func (s *Server) serveMap(w http.ResponseWriter, r *http.Request) {
	var req tailcfg.MapRequest
	if !readJSON(w, r, &req) {
		return
	}
	st := s.net.View()
	n := st.ByKey(req.NodeKey)
	if n == nil || n.Machine != machineOf(r) {
		s.serveStranger(w, r, st, &req)
		return
	}
	if !req.ReadOnly && (!req.Stream || req.Version < 68) {
		s.net.Touch(func(st *tailnet.State) {
			st.Heard(n.ID, tailnet.Report{Disco: req.DiscoKey, Endpoints: req.Endpoints, Hostinfo: req.Hostinfo, Version: req.Version})
		})
	}
	out := &mapWriter{w: w, compress: req.Compress == "zstd"}
	switch {
	case req.Stream:
		s.stream(out, r, n, &req)
	case req.OmitPeers:
		w.WriteHeader(http.StatusOK)
	default:
		m := newSession(s, n.ID, req.NodeKey)
		if res := m.next(); res != nil {
			out.send(res)
		}
	}
}

// stream keeps the node informed until it goes, is removed, or gets another key.
func (s *Server) stream(out *mapWriter, r *http.Request, n *tailnet.Node, req *tailcfg.MapRequest) {
	changed, leave := s.net.Connect(n.ID)
	defer leave()
	m := newSession(s, n.ID, req.NodeKey)
	idle := time.NewTimer(keepAlive)
	defer idle.Stop()
	for {
		if res := m.next(); res != nil {
			if !out.send(res) {
				return
			}
			idle.Reset(keepAlive)
		}
		if m.over {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-changed:
			time.Sleep(gather)
		case <-time.After(m.untilExpiry()):
		case <-idle.C:
			if !out.send(&tailcfg.MapResponse{KeepAlive: true}) {
				return
			}
			idle.Reset(keepAlive)
		}
	}
}

// serveStranger tells a node that was removed so: its key has expired. Others are told nothing.
func (s *Server) serveStranger(w http.ResponseWriter, r *http.Request, st *tailnet.State, req *tailcfg.MapRequest) {
	gone, ok := st.Removed[req.NodeKey]
	if !ok || gone.Machine != machineOf(r) {
		http.Error(w, "node not found", http.StatusNotFound)
		return
	}
	if !req.Stream {
		w.WriteHeader(http.StatusOK)
		return
	}
	out := &mapWriter{w: w, compress: req.Compress == "zstd"}
	if !out.send(s.tombstone(st, req.NodeKey, gone)) {
		return
	}
	// Closed at once, the node would ask again at once.
	select {
	case <-r.Context().Done():
	case <-time.After(keepAlive):
	}
}

// mapWriter writes map responses: a length, then JSON, compressed if the node wants it so.
type mapWriter struct {
	w        http.ResponseWriter
	compress bool
}

func (m *mapWriter) send(res *tailcfg.MapResponse) bool {
	body, err := json.Marshal(res)
	if err != nil {
		return false
	}
	if m.compress {
		body = zstdframe.AppendEncode(nil, body, zstdframe.FastestCompression)
	}
	if _, err := m.w.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body...)); err != nil {
		return false
	}
	return http.NewResponseController(m.w).Flush() == nil
}
