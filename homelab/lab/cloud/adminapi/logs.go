package adminapi

import (
	"slices"
	"time"

	"tailscale.com/tailcfg"

	"homelab/cloud/tailnet"
)

func (a *API) logs(on func(pattern, scope string, h handler)) {
	on("GET /api/v2/tailnet/{tailnet}/logging/configuration", "logs:configuration", a.listLogs)
}

// listLogs are the events between start and end, the oldest first. The lab keeps those of
// recordings that failed; the real service has more.
func (a *API) listLogs(c *call) (any, error) {
	q := c.r.URL.Query()
	start, err1 := time.Parse(time.RFC3339, q.Get("start"))
	end, err2 := time.Parse(time.RFC3339, q.Get("end"))
	if err1 != nil || err2 != nil {
		return nil, badRequest("start and end must be times such as 2026-01-31T12:00:00Z")
	}
	st := a.net.View()
	out := []any{}
	for _, e := range st.Events {
		if e.At.Before(start) || e.At.After(end) || len(q["event"]) > 0 && !slices.Contains(q["event"], e.Action) {
			continue
		}
		actor := nodeRef(st, e.Actor)
		actor["displayName"] = actor["name"]
		delete(actor, "name")
		if n := st.Nodes[e.Actor]; n != nil {
			actor["loginName"] = st.User(n.User).Login
		}
		out = append(out, map[string]any{"eventTime": e.At, "type": "CONFIG", "origin": "NODE", "action": e.Action,
			"actor": actor, "target": nodeRef(st, e.Node), "actionDetails": e.Details})
	}
	return map[string]any{"version": "1.1", "tailnet": st.Domain, "logs": out}, nil
}

func nodeRef(st *tailnet.State, id tailcfg.NodeID) map[string]any {
	out := map[string]any{"id": "", "name": "(removed)", "type": "NODE"}
	if n := st.Nodes[id]; n != nil {
		out["id"], out["name"] = string(n.StableID), st.FQDN(n)
	}
	return out
}
