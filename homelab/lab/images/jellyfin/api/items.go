package api

import (
	"cmp"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"

	"homelab/images/jellyfin/store"
)

func (s *Server) itemRoutes() map[string]route {
	return map[string]route{
		"GET /items":                         {user, s.items},
		"GET /users/{user}/items":            {user, s.items}, // the old way, which the server keeps for old clients
		"GET /items/{id}":                    {user, s.item},
		"GET /users/{user}/items/{id}":       {user, s.item},
		"GET /items/counts":                  {user, s.counts},
		"GET /items/latest":                  {user, s.latest},
		"GET /users/{user}/items/latest":     {user, s.latest},
		"GET /useritems/resume":              {user, s.resume},
		"GET /items/{id}/playbackinfo":       {user, s.playbackInfo},
		"POST /items/{id}/playbackinfo":      {user, s.playbackInfo},
		"GET /items/{id}/images":             {user, s.images},
		"GET /items/{id}/images/{kind}":      {anybody, s.image},
		"GET /items/{id}/images/{kind}/{nr}": {anybody, s.image},
	}
}

// whose is the user whose watch state is asked for: the caller's own unless an administrator names another.
func (c *call) whose() string {
	for _, id := range []string{c.id("user"), plainID(c.get("userId"))} {
		if id != "" && c.user.Administrator {
			return id
		}
	}
	return c.user.ID
}

func (c *call) extras() map[string]bool {
	with := map[string]bool{}
	for _, name := range c.list("fields") {
		with[strings.ToLower(name)] = true
	}
	return with
}

func (s *Server) items(c *call) (any, error) {
	recursive, _ := c.flag("recursive")
	parent := plainID(c.get("parentId"))
	ids := c.list("ids")
	if !recursive && parent == "" && len(ids) == 0 && c.get("searchTerm") == "" {
		return s.views(c) // the root's children are the libraries
	}
	var out any
	s.Store.Read(func(state *store.State) {
		out = s.query(state, c, s.filter(state, c, parent, ids))
	})
	return out, nil
}

func (s *Server) filter(state *store.State, c *call, parent string, ids []string) []store.Item {
	watched := state.Watch[c.whose()]
	kinds, not, media := c.list("includeItemTypes"), c.list("excludeItemTypes"), c.list("mediaTypes")
	years, filters := c.list("years"), c.list("filters")
	term, starts := strings.ToLower(c.get("searchTerm")), strings.ToLower(c.get("nameStartsWith"))
	played, givenPlayed := c.flag("isPlayed")
	favorite, givenFavorite := c.flag("isFavorite")
	for i := range ids {
		ids[i] = plainID(ids[i])
	}
	var found []store.Item
	for _, item := range state.Items {
		name, seen := strings.ToLower(item.Name), watched[item.ID]
		keep := (parent == "" || item.LibraryID == parent) &&
			(len(ids) == 0 || slices.Contains(ids, item.ID)) &&
			(len(kinds) == 0 || containsFold(kinds, item.Type)) && !containsFold(not, item.Type) &&
			(len(media) == 0 || containsFold(media, "Video")) &&
			(len(years) == 0 || slices.Contains(years, strconv.Itoa(item.Year))) &&
			strings.Contains(name, term) && strings.HasPrefix(name, starts) &&
			(!givenPlayed || seen.Played == played) && (!givenFavorite || seen.Favorite == favorite)
		for _, f := range filters {
			keep = keep && passes(strings.ToLower(f), seen)
		}
		if keep {
			found = append(found, item)
		}
	}
	return found
}

// passes applies one value of the schema ItemFilter; those that no film here can have let nothing through.
func passes(filter string, seen store.Watch) bool {
	switch filter {
	case "isplayed":
		return seen.Played
	case "isunplayed":
		return !seen.Played
	case "isresumable":
		return seen.PositionTicks > 0
	case "isfavorite":
		return seen.Favorite
	case "isnotfolder":
		return true
	}
	return false
}

func (s *Server) query(state *store.State, c *call, found []store.Item) fields {
	sortItems(found, state.Watch[c.whose()], c.list("sortBy"), strings.EqualFold(c.get("sortOrder"), "Descending"))
	total := len(found)
	start, _ := c.number("startIndex")
	found = found[min(max(start, 0), total):]
	if limit, given := c.number("limit"); given && limit >= 0 {
		found = found[:min(limit, len(found))]
	}
	views, with := []fields{}, c.extras()
	for _, item := range found {
		views = append(views, s.itemView(state, item, c.whose(), with))
	}
	return page(views, start, total)
}

func sortItems(items []store.Item, watched map[string]store.Watch, by []string, descending bool) {
	if len(by) == 0 {
		by = []string{"SortName"}
	}
	if strings.EqualFold(by[0], "Random") {
		rand.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
		return
	}
	slices.SortStableFunc(items, func(a, b store.Item) int {
		for _, key := range by {
			if c := compare(strings.ToLower(key), a, b, watched); c != 0 {
				if descending {
					return -c
				}
				return c
			}
		}
		return 0
	})
}

func compare(key string, a, b store.Item, watched map[string]store.Watch) int {
	switch key {
	case "sortname", "name":
		return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	case "productionyear", "premieredate":
		return cmp.Compare(a.Year, b.Year)
	case "datecreated":
		return a.Created.Compare(b.Created)
	case "dateplayed":
		return watched[a.ID].LastPlayed.Compare(watched[b.ID].LastPlayed)
	case "playcount":
		return cmp.Compare(watched[a.ID].PlayCount, watched[b.ID].PlayCount)
	case "runtime":
		return cmp.Compare(a.RunTimeTicks, b.RunTimeTicks)
	}
	return 0
}

func (s *Server) item(c *call) (view any, err error) {
	err = notFound
	s.Store.Read(func(state *store.State) {
		if item, ok := findItem(state, c.id("id")); ok {
			view, err = s.itemView(state, item, c.whose(), nil), nil
		}
		for _, l := range state.Libraries {
			if l.ID == c.id("id") {
				view, err = libraryView(state, l), nil
			}
		}
	})
	return view, err
}

func (s *Server) counts(*call) (any, error) {
	movies, all := 0, 0
	s.Store.Read(func(state *store.State) {
		all = len(state.Items)
		for _, item := range state.Items {
			if item.Type == "Movie" {
				movies++
			}
		}
	})
	return fields{"MovieCount": movies, "ItemCount": all, "SeriesCount": 0, "EpisodeCount": 0, "SongCount": 0}, nil
}

func (s *Server) latest(c *call) (any, error) {
	views := []fields{}
	s.Store.Read(func(state *store.State) {
		found := s.filter(state, c, plainID(c.get("parentId")), nil)
		sortItems(found, nil, []string{"DateCreated"}, true)
		limit, given := c.number("limit")
		if !given {
			limit = 20
		}
		for _, item := range found[:min(limit, len(found))] {
			views = append(views, s.itemView(state, item, c.whose(), c.extras()))
		}
	})
	return views, nil
}

func (s *Server) resume(c *call) (any, error) {
	c.query["filters"], c.query["sortby"], c.query["sortorder"] = []string{"IsResumable"}, []string{"DatePlayed"}, []string{"Descending"}
	var out any
	s.Store.Read(func(state *store.State) { out = s.query(state, c, s.filter(state, c, "", nil)) })
	return out, nil
}

func (s *Server) playbackInfo(c *call) (any, error) {
	item, err := s.find(c.id("id"))
	if err != nil {
		return nil, err
	}
	return fields{"MediaSources": []fields{sourceView(item)}, "PlaySessionId": store.NewID()}, nil
}

func (s *Server) images(c *call) (any, error) {
	item, err := s.find(c.id("id"))
	if err != nil {
		return nil, err
	}
	if !s.hasPoster(item.ID) {
		return []fields{}, nil
	}
	return []fields{{"ImageType": "Primary", "ImageTag": item.ID[:16], "Path": s.poster(item.ID)}}, nil
}

// image sends the poster; like the real server it asks nobody who they are.
func (s *Server) image(c *call) (any, error) {
	item, err := s.find(c.id("id"))
	if err != nil {
		return nil, err
	}
	if c.r.PathValue("kind") != "primary" {
		return nil, notFound
	}
	s.grab(item)
	file, err := os.Open(s.poster(item.ID))
	if err != nil {
		return nil, refusal{http.StatusNotFound, "Item does not have an image of type Primary"}
	}
	defer file.Close()
	c.w.Header().Set("Content-Type", "image/jpeg")
	c.w.Header().Set("Cache-Control", "public, max-age=86400")
	http.ServeContent(c.w, c.r, "", item.Modified, file)
	return sent{}, nil
}

func (s *Server) find(id string) (item store.Item, err error) {
	err = refusal{http.StatusNotFound, "Item not found"}
	s.Store.Read(func(state *store.State) {
		if found, ok := findItem(state, id); ok {
			item, err = found, nil
		}
	})
	return item, err
}

func findItem(state *store.State, id string) (store.Item, bool) {
	for _, item := range state.Items {
		if item.ID == id {
			return item, true
		}
	}
	return store.Item{}, false
}

func containsFold(all []string, one string) bool {
	return slices.ContainsFunc(all, func(s string) bool { return strings.EqualFold(s, one) })
}
