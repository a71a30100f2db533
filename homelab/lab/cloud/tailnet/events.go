package tailnet

import (
	"slices"
	"time"

	"tailscale.com/tailcfg"
)

// Event is something that an admin will want to read about later.
type Event struct {
	At      time.Time
	Action  string         // such as SSH_RECORDING_REJECTED
	Node    tailcfg.NodeID // where it happened
	Actor   tailcfg.NodeID // whose doing it was
	Details string
}

const eventsKept = 500

// Note adds an event.
func (s *State) Note(e Event) {
	e.At = time.Now().UTC()
	s.Events = append(slices.Clone(s.Events), e)
	if over := len(s.Events) - eventsKept; over > 0 {
		s.Events = s.Events[over:]
	}
}
