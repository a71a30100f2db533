package control

import (
	"fmt"
	"log"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tailscale.com/tailcfg"

	"homelab/cloud/tailnet"
)

// A node asks these over Noise, whatever the host; it fills in what begins with a dollar sign.
const (
	sshCheckURL  = "https://unused/machine/ssh/action/$SRC_NODE_ID/to/$DST_NODE_ID?ssh_user=$SSH_USER&local_user=$LOCAL_USER"
	sshNotifyURL = "https://unused/machine/ssh/notify"
)

// sshCheck decides over a session that needs a check: at once if the person has passed one, else
// it names a page and, asked again, waits for the answer there.
func (s *Server) sshCheck(w http.ResponseWriter, r *http.Request) {
	st := s.net.View()
	from, to := nodeOf(st, r.PathValue("src")), nodeOf(st, r.PathValue("dst"))
	if from == nil || to == nil || to.Machine != machineOf(r) {
		http.Error(w, "no such session", http.StatusNotFound)
		return
	}
	var approved bool
	token := r.FormValue("token")
	if token != "" {
		c := s.awaitCheck(r, token)
		if c == nil {
			return // the node has gone
		}
		if !c.Approved {
			writeJSON(w, refused("check refused"))
			return
		}
		approved = true
	}
	rule := sshRule(s.net.View().In(to.Realm), from, to, r.FormValue("ssh_user")) // the policy may have changed meanwhile
	switch {
	case rule == nil:
		writeJSON(w, refused("the tailnet's policy no longer permits this"))
	case !rule.Check || approved || s.net.View().Nodes[from.ID].HasPassed(rule.Period, time.Now()):
		writeJSON(w, sshAccept(rule))
	default:
		s.openCheck(w, r, from, to)
	}
}

func refused(why string) *tailcfg.SSHAction {
	return &tailcfg.SSHAction{Reject: true, Message: "tailscale: " + why + "\n"}
}

func nodeOf(st *tailnet.State, id string) *tailnet.Node {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil
	}
	return st.Nodes[tailcfg.NodeID(n)]
}

func (s *Server) openCheck(w http.ResponseWriter, r *http.Request, from, to *tailnet.Node) {
	var c *tailnet.Check
	err := s.net.Update(func(st *tailnet.State) error {
		c = st.NewCheck(tailnet.Check{From: from.ID, To: to.ID, SSHUser: r.FormValue("ssh_user"), LocalUser: r.FormValue("local_user")}, time.Now())
		return nil
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	next := "https://unused" + r.URL.RequestURI() + "&token=" + c.Token
	writeJSON(w, &tailcfg.SSHAction{
		Message:         "# Tailscale SSH requires an additional check.\n# To authenticate, visit: " + LoginBase + "/a/" + c.Token + "\n",
		HoldAndDelegate: next})
}

// awaitCheck waits for the person's answer; nil if the node hangs up. A page that is no more was refused.
func (s *Server) awaitCheck(r *http.Request, token string) *tailnet.Check {
	changed, leave := s.net.Watch()
	defer leave()
	for {
		switch c := s.net.View().Checks[token]; {
		case c == nil:
			return &tailnet.Check{Denied: true}
		case c.Done():
			return c
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-changed:
		}
	}
}

var sshEvents = map[tailcfg.SSHEventType]struct{ action, text string }{
	tailcfg.SSHSessionRecordingRejected:   {"SSH_RECORDING_REJECTED", "no recorder answered, and the session was refused"},
	tailcfg.SSHSessionRecordingTerminated: {"SSH_RECORDING_TERMINATED", "the recording failed, and the session was ended"},
	tailcfg.SSHSessionRecordingFailed:     {"SSH_RECORDING_FAILED", "the recording failed, and the session went on unrecorded"},
}

// sshNotify keeps what a node tells of a recording that failed.
func (s *Server) sshNotify(w http.ResponseWriter, r *http.Request) {
	var req tailcfg.SSHEventNotifyRequest
	if !readJSON(w, r, &req) {
		return
	}
	n := s.net.View().ByKey(req.NodeKey)
	if n == nil || n.Machine != machineOf(r) {
		http.Error(w, "node not found", http.StatusNotFound)
		return
	}
	event, known := sshEvents[req.EventType]
	if !known {
		http.Error(w, fmt.Sprintf("an unknown event %d", req.EventType), http.StatusBadRequest)
		return
	}
	tries := []string{}
	for _, a := range req.RecordingAttempts {
		tries = append(tries, fmt.Sprintf("%s: %s", a.Recorder, strings.TrimSpace(a.FailureMessage)))
	}
	text := fmt.Sprintf("%s (session %s as %s; %s)", event.text, req.ConnectionID, req.LocalUser, strings.Join(tries, "; "))
	err := s.net.Update(func(st *tailnet.State) error {
		st.Note(tailnet.Event{Action: event.action, Node: n.ID, Actor: req.SrcNode, Details: text})
		return nil
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	log.Printf("control: %s: %s", n.Label, text)
	w.WriteHeader(http.StatusCreated)
}
