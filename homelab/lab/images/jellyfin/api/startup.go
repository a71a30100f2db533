package api

import (
	"net/http"
	"strings"

	"homelab/images/internal/password"
	"homelab/images/jellyfin/store"
)

func (s *Server) startupRoutes() map[string]route {
	return map[string]route{
		"GET /startup/configuration":  {setupOrAdmin, s.startupConfiguration},
		"POST /startup/configuration": {setupOrAdmin, s.setStartupConfiguration},
		"GET /startup/user":           {setupOrAdmin, s.firstUser},
		"GET /startup/firstuser":      {setupOrAdmin, s.firstUser},
		"POST /startup/user":          {setupOrAdmin, s.setFirstUser},
		"POST /startup/remoteaccess":  {setupOrAdmin, s.remoteAccess},
		"POST /startup/complete":      {setupOrAdmin, s.completeWizard},
	}
}

type startupConfiguration struct {
	ServerName, UICulture, MetadataCountryCode, PreferredMetadataLanguage string
}

func (s *Server) startupConfiguration(*call) (any, error) {
	var out startupConfiguration
	s.Store.Read(func(state *store.State) {
		c := state.Configuration
		out = startupConfiguration{c.ServerName, c.UICulture, c.MetadataCountryCode, c.PreferredMetadataLanguage}
	})
	return out, nil
}

func (s *Server) setStartupConfiguration(c *call) (any, error) {
	var in startupConfiguration
	if err := c.body(&in); err != nil {
		return nil, err
	}
	return nil, s.Store.Change(func(state *store.State) error {
		to := &state.Configuration
		to.ServerName, to.UICulture = in.ServerName, in.UICulture
		to.MetadataCountryCode, to.PreferredMetadataLanguage = in.MetadataCountryCode, in.PreferredMetadataLanguage
		return nil
	})
}

// firstUser makes the first user when there is none yet, as the real server does on this request.
func (s *Server) firstUser(*call) (any, error) {
	var name string
	err := s.Store.Change(func(state *store.State) error {
		if len(state.Users) == 0 {
			state.Users = append(state.Users, newUser("root", "", true))
		}
		name = state.Users[0].Name
		return nil
	})
	return map[string]string{"Name": name}, err
}

func (s *Server) setFirstUser(c *call) (any, error) {
	var in struct{ Name, Password string }
	if err := c.body(&in); err != nil {
		return nil, err
	}
	if strings.TrimSpace(in.Password) == "" {
		return nil, badRequest("Password must not be empty")
	}
	hash, err := password.Hash(in.Password)
	if err != nil {
		return nil, err
	}
	return nil, s.Store.Change(func(state *store.State) error {
		if len(state.Users) == 0 {
			return notFound
		}
		if state.Users[0].PasswordHash != "" {
			return forbidden
		}
		if name := strings.TrimSpace(in.Name); name != "" {
			rename(&state.Users[0], name)
		}
		state.Users[0].PasswordHash = hash
		return nil
	})
}

func (s *Server) remoteAccess(c *call) (any, error) {
	in := struct{ EnableRemoteAccess bool }{true}
	if err := c.body(&in); err != nil {
		return nil, err
	}
	return nil, s.Store.Change(func(state *store.State) error {
		if state.Named["network"] == nil {
			state.Named["network"] = map[string]any{}
		}
		state.Named["network"]["EnableRemoteAccess"] = in.EnableRemoteAccess
		return nil
	})
}

func (s *Server) completeWizard(*call) (any, error) {
	return nil, s.Store.Change(func(state *store.State) error {
		state.WizardCompleted, state.Configuration.IsStartupWizardCompleted = true, true
		return nil
	})
}

func newUser(name, hash string, administrator bool) store.User {
	u := store.User{ID: store.NewID(), PasswordHash: hash, Administrator: administrator}
	rename(&u, name)
	return u
}

func rename(u *store.User, name string) {
	u.Name, u.NormalizedName = name, strings.ToUpper(name)
}

var errTaken = refusal{http.StatusBadRequest, "a user of that name exists"}
