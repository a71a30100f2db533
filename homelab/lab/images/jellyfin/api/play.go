package api

import (
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"homelab/images/jellyfin/store"
)

func (s *Server) playRoutes() map[string]route {
	return map[string]route{
		// The real server streams to whoever knows an item's identifier; clients send ApiKey all the same.
		"GET /videos/{id}/stream":                 {anybody, s.stream},
		"GET /videos/{id}/{file}":                 {anybody, s.streamAs},
		"GET /items/{id}/download":                {user, s.stream},
		"GET /items/{id}/file":                    {user, s.stream},
		"GET /sessions":                           {user, s.sessions},
		"POST /sessions/capabilities":             {user, nothing},
		"POST /sessions/capabilities/full":        {user, nothing},
		"POST /sessions/playing":                  {user, s.playing},
		"POST /sessions/playing/progress":         {user, s.playing},
		"POST /sessions/playing/ping":             {user, nothing},
		"POST /sessions/playing/stopped":          {user, s.stopped},
		"POST /userplayeditems/{id}":              {user, s.markPlayed},
		"DELETE /userplayeditems/{id}":            {user, s.markUnplayed},
		"POST /users/{user}/playeditems/{id}":     {user, s.markPlayed}, // the old way
		"DELETE /users/{user}/playeditems/{id}":   {user, s.markUnplayed},
		"GET /useritems/{id}/userdata":            {user, s.userData},
		"POST /useritems/{id}/userdata":           {user, s.setUserData},
		"POST /userfavoriteitems/{id}":            {user, s.favorite(true)},
		"DELETE /userfavoriteitems/{id}":          {user, s.favorite(false)},
		"POST /users/{user}/favoriteitems/{id}":   {user, s.favorite(true)},
		"DELETE /users/{user}/favoriteitems/{id}": {user, s.favorite(false)},
	}
}

func nothing(*call) (any, error) { return nil, nil }

func (s *Server) streamAs(c *call) (any, error) {
	if !strings.HasPrefix(c.r.PathValue("file"), "stream.") {
		return nil, notFound
	}
	return s.stream(c)
}

// stream sends the file as it is, whole or the range that was asked for; GET also answers HEAD.
func (s *Server) stream(c *call) (any, error) {
	item, err := s.find(c.id("id"))
	if err != nil {
		return nil, err
	}
	file, err := os.Open(item.Path)
	if err != nil {
		s.complain(err)
		return nil, refusal{http.StatusNotFound, "the file of this item is gone; scan the library"}
	}
	defer file.Close()
	kind := mime.TypeByExtension("." + item.Container)
	if own := types[item.Container]; own != "" { // the image has no /etc/mime.types
		kind = own
	}
	c.w.Header().Set("Content-Type", kind)
	http.ServeContent(c.w, c.r, "", item.Modified, file)
	return sent{}, nil
}

var types = map[string]string{
	"mp4": "video/mp4", "m4v": "video/x-m4v", "mkv": "video/x-matroska", "webm": "video/webm", "mov": "video/quicktime",
	"avi": "video/x-msvideo", "ogv": "video/ogg", "ts": "video/mp2t",
}

// report is what PlaybackStartInfo, PlaybackProgressInfo and PlaybackStopInfo have in common.
type report struct {
	ItemID        string `json:"ItemId"`
	PositionTicks *int64
	IsPaused      bool
	PlayMethod    string
	PlaySessionID string `json:"PlaySessionId"`
	Failed        bool
}

func (s *Server) playing(c *call) (any, error) {
	var in report
	if err := c.body(&in); err != nil {
		return nil, err
	}
	item, err := s.find(plainID(in.ItemID))
	if err != nil {
		return nil, err
	}
	begins := strings.HasSuffix(c.r.URL.Path, "/playing")
	s.seen.plays(c, item, in)
	return nil, s.watch(c.user.ID, item, func(state *store.State, w *store.Watch) {
		w.LastPlayed = time.Now().UTC()
		if begins {
			w.PlayCount++
			w.Played = false
		} else if in.PositionTicks != nil {
			advance(state.Configuration, item, w, *in.PositionTicks)
		}
	})
}

func (s *Server) stopped(c *call) (any, error) {
	var in report
	if err := c.body(&in); err != nil {
		return nil, err
	}
	item, err := s.find(plainID(in.ItemID))
	if err != nil {
		return nil, err
	}
	s.seen.stops(c)
	if in.Failed {
		return nil, nil
	}
	return nil, s.watch(c.user.ID, item, func(state *store.State, w *store.Watch) {
		w.LastPlayed = time.Now().UTC()
		position := item.RunTimeTicks // no position: it was seen to the end
		if in.PositionTicks != nil {
			position = *in.PositionTicks
		}
		advance(state.Configuration, item, w, position)
	})
}

// advance applies Jellyfin's rule: the first MinResumePct percent do not count, after MaxResumePct the film is
// seen, and a film shorter than MinResumeDurationSeconds counts as seen as soon as it counts at all.
func advance(rule store.Configuration, item store.Item, w *store.Watch, position int64) {
	const second = 10_000_000
	runtime := item.RunTimeTicks
	switch percent := 100 * float64(position) / float64(max(runtime, 1)); {
	case runtime == 0: // unknown length: taken as seen
		position, w.Played = 0, true
	case position <= 0 || percent < float64(rule.MinResumePct):
		position = 0
	case percent > float64(rule.MaxResumePct) || position >= runtime-second,
		runtime/second < int64(rule.MinResumeDurationSeconds):
		position, w.Played = 0, true
	}
	w.PositionTicks = position
}

func (s *Server) markPlayed(c *call) (any, error) {
	return s.mark(c, func(w *store.Watch) {
		w.Played, w.PositionTicks, w.PlayCount = true, 0, max(w.PlayCount, 1)
		w.LastPlayed = time.Now().UTC()
		if at, err := time.Parse(time.RFC3339, c.get("datePlayed")); err == nil {
			w.LastPlayed = at.UTC()
		}
	})
}

func (s *Server) markUnplayed(c *call) (any, error) {
	return s.mark(c, func(w *store.Watch) { *w = store.Watch{Favorite: w.Favorite} })
}

func (s *Server) favorite(on bool) func(*call) (any, error) {
	return func(c *call) (any, error) { return s.mark(c, func(w *store.Watch) { w.Favorite = on }) }
}

func (s *Server) userData(c *call) (any, error) { return s.mark(c, nil) }

func (s *Server) setUserData(c *call) (any, error) {
	var in struct {
		PlaybackPositionTicks *int64
		PlayCount             *int
		IsFavorite, Played    *bool
		LastPlayedDate        *time.Time
	}
	if err := c.body(&in); err != nil {
		return nil, err
	}
	return s.mark(c, func(w *store.Watch) {
		set(&w.PositionTicks, in.PlaybackPositionTicks)
		set(&w.PlayCount, in.PlayCount)
		set(&w.Favorite, in.IsFavorite)
		set(&w.Played, in.Played)
		set(&w.LastPlayed, in.LastPlayedDate)
	})
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// mark changes the watch state of the item in the path, and returns it.
func (s *Server) mark(c *call, change func(*store.Watch)) (any, error) {
	item, err := s.find(c.id("id"))
	if err != nil {
		return nil, err
	}
	if change != nil {
		if err := s.watch(c.whose(), item, func(_ *store.State, w *store.Watch) { change(w) }); err != nil {
			return nil, err
		}
	}
	var view any
	s.Store.Read(func(state *store.State) { view = watchView(state.Watch[c.whose()][item.ID], item) })
	return view, nil
}

func (s *Server) watch(user string, item store.Item, change func(*store.State, *store.Watch)) error {
	return s.Store.Change(func(state *store.State) error {
		if state.Watch[user] == nil {
			state.Watch[user] = map[string]store.Watch{}
		}
		w := state.Watch[user][item.ID]
		change(state, &w)
		state.Watch[user][item.ID] = w
		return nil
	})
}
