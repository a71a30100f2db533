package pages

import (
	"net/http"
	"slices"
	"time"

	"tailscale.com/tailcfg"
)

type eventRow struct {
	At                           time.Time
	Action, Node, Actor, Details string
}

func (p *Pages) logs(w http.ResponseWriter, r *http.Request) {
	st := p.net.View()
	name := func(id tailcfg.NodeID) string {
		if n := st.Nodes[id]; n != nil {
			return n.Label
		}
		return "(removed)"
	}
	rows := []eventRow{}
	for _, e := range slices.Backward(st.Events) {
		rows = append(rows, eventRow{e.At, e.Action, name(e.Node), name(e.Actor), e.Details})
	}
	if wantsJSON(r) {
		writeJSON(w, rows)
		return
	}
	p.show(w, http.StatusOK, "logs", "Logs", rows)
}
