package control

import (
	"net/netip"
	"slices"

	"tailscale.com/tailcfg"

	"homelab/cloud/policy"
	"homelab/cloud/tailnet"
)

const recorderPort = 80

const (
	noRecorder   = "# Session rejected: the tailnet's policy wants it recorded, and no recorder answers."
	lostRecorder = "# Session terminated: its recording failed, and the tailnet's policy wants it recorded."
)

func sshNode(st *tailnet.State, n *tailnet.Node) policy.SSHNode {
	return policy.SSHNode{Subject: st.Subject(n), ID: n.StableID}
}

// sshAccess is who may open a shell on n.
func sshAccess(st *tailnet.State, n *tailnet.Node) []policy.SSHAccess {
	if !st.Policy().SSH || n.Outside() {
		return nil
	}
	var nodes []policy.SSHNode
	for _, o := range slices.Concat(st.Sorted(), st.Strangers(n)) {
		nodes = append(nodes, sshNode(st, o))
	}
	return st.Policy().SSHOn(sshNode(st, n), nodes)
}

// sshPolicy is what n's own SSH server goes by.
func sshPolicy(st *tailnet.State, n *tailnet.Node) *tailcfg.SSHPolicy {
	out := &tailcfg.SSHPolicy{Rules: []*tailcfg.SSHRule{}}
	for _, a := range sshAccess(st, n) {
		rule := &tailcfg.SSHRule{SSHUsers: a.Users, AcceptEnv: a.Env, Action: sshAccept(&a)}
		for _, id := range a.From {
			rule.Principals = append(rule.Principals, &tailcfg.SSHPrincipal{Node: id})
		}
		if a.Check && !rule.Action.Reject {
			rule.Action = &tailcfg.SSHAction{HoldAndDelegate: sshCheckURL}
		}
		out.Rules = append(out.Rules, rule)
	}
	return out
}

// sshAccept lets a session begin, recorded where the rule wants that.
func sshAccept(a *policy.SSHAccess) *tailcfg.SSHAction {
	if a.Enforce && len(a.Recorders) == 0 {
		return &tailcfg.SSHAction{Reject: true, Message: noRecorder + "\n"}
	}
	out := &tailcfg.SSHAction{Accept: true, AllowAgentForwarding: true, AllowLocalPortForwarding: true, AllowRemotePortForwarding: true}
	for _, r := range a.Recorders {
		out.Recorders = append(out.Recorders, netip.AddrPortFrom(r, recorderPort))
	}
	if len(out.Recorders) > 0 {
		out.OnRecordingFailure = &tailcfg.SSHRecorderFailureAction{NotifyURL: sshNotifyURL}
		if a.Enforce {
			out.OnRecordingFailure.RejectSessionWithMessage = noRecorder
			out.OnRecordingFailure.TerminateSessionWithMessage = lostRecorder
		}
	}
	return out
}

// sshRule is the rule that decides over a session; nil if none lets it through.
func sshRule(st *tailnet.State, from, to *tailnet.Node, user string) *policy.SSHAccess {
	for _, a := range sshAccess(st, to) {
		if slices.Contains(a.From, from.StableID) && a.LocalUser(user) != "" {
			return &a
		}
	}
	return nil
}
