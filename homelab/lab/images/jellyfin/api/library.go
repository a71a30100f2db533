package api

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"homelab/images/jellyfin/store"
)

func (s *Server) libraryRoutes() map[string]route {
	return map[string]route{
		"GET /library/virtualfolders":       {setupOrAdmin, s.libraries},
		"POST /library/virtualfolders":      {setupOrAdmin, s.addLibrary},
		"DELETE /library/virtualfolders":    {setupOrAdmin, s.removeLibrary},
		"GET /library/mediafolders":         {admin, s.views},
		"POST /library/refresh":             {admin, s.refresh},
		"GET /scheduledtasks":               {admin, s.tasks},
		"GET /scheduledtasks/{id}":          {admin, s.task},
		"POST /scheduledtasks/running/{id}": {admin, s.startTask},
		"GET /userviews":                    {user, s.views},
		"GET /users/{user}/views":           {user, s.views}, // before 10.9; kept by the server for old clients
	}
}

func (s *Server) libraries(*call) (any, error) {
	percent, running, _ := s.scan.now()
	all := []fields{}
	s.Store.Read(func(state *store.State) {
		for _, l := range state.Libraries {
			paths := []fields{}
			for _, location := range l.Locations {
				paths = append(paths, fields{"Path": location})
			}
			view := fields{"Name": l.Name, "Locations": l.Locations, "ItemId": l.ID, "RefreshStatus": "Idle",
				"LibraryOptions": fields{"Enabled": true, "PathInfos": paths}}
			if l.CollectionType != "" {
				view["CollectionType"] = l.CollectionType
			}
			if running {
				view["RefreshStatus"], view["RefreshProgress"] = "Active", percent
			}
			all = append(all, view)
		}
	})
	return all, nil
}

func (s *Server) addLibrary(c *call) (any, error) {
	name := c.get("name")
	if name == "" || strings.TrimSpace(name) != name {
		return nil, badRequest("Library name cannot be empty or have leading/trailing spaces.")
	}
	var in struct {
		LibraryOptions struct{ PathInfos []struct{ Path string } }
	}
	if err := c.body(&in); err != nil {
		return nil, err
	}
	locations := c.list("paths")
	if len(locations) == 0 {
		for _, info := range in.LibraryOptions.PathInfos {
			locations = append(locations, info.Path)
		}
	}
	for _, location := range locations {
		if info, err := os.Stat(location); err != nil || !info.IsDir() {
			return nil, refusal{404, "The path does not exist: " + location}
		}
	}
	err := s.Store.Change(func(state *store.State) error {
		free := name
		taken := func(l store.Library) bool { return strings.EqualFold(l.Name, free) }
		for n := 2; slices.ContainsFunc(state.Libraries, taken); n++ {
			free = fmt.Sprint(name, n) // Movies, Movies2, … as the real server does
		}
		state.Libraries = append(state.Libraries, store.Library{
			ID: store.NewID(), Name: free, CollectionType: strings.ToLower(c.get("collectionType")), Locations: locations,
		})
		return nil
	})
	return nil, errors.Join(err, s.refreshIf(c))
}

func (s *Server) removeLibrary(c *call) (any, error) {
	err := s.Store.Change(func(state *store.State) error {
		at := slices.IndexFunc(state.Libraries, func(l store.Library) bool { return l.Name == c.get("name") })
		if at < 0 {
			return refusal{404, "The media folder does not exist."}
		}
		id := state.Libraries[at].ID
		state.Libraries = slices.Delete(state.Libraries, at, at+1)
		state.Items = slices.DeleteFunc(state.Items, func(i store.Item) bool { return i.LibraryID == id })
		return nil
	})
	if err != nil {
		return nil, err
	}
	return nil, s.refreshIf(c)
}

func (s *Server) refreshIf(c *call) error {
	if wanted, _ := c.flag("refreshLibrary"); wanted {
		s.StartScan()
	}
	return nil
}

func (s *Server) refresh(*call) (any, error) {
	s.StartScan()
	return nil, nil
}

func (s *Server) views(*call) (any, error) {
	all := []fields{}
	s.Store.Read(func(state *store.State) {
		for _, l := range state.Libraries {
			all = append(all, libraryView(state, l))
		}
	})
	return page(all, 0, len(all)), nil
}

func page(all []fields, start, total int) fields {
	return fields{"Items": all, "TotalRecordCount": total, "StartIndex": start}
}
