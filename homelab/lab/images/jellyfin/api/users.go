package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"homelab/images/internal/password"
	"homelab/images/jellyfin/store"
)

func (s *Server) userRoutes() map[string]route {
	return map[string]route{
		"POST /users/authenticatebyname": {anybody, s.login},
		"POST /sessions/logout":          {user, s.logout},
		"GET /users/me":                  {user, s.me},
		"GET /users/public":              {anybody, s.publicUsers},
		"GET /users":                     {user, s.users},
		"GET /users/{user}":              {user, s.oneUser},
		"POST /users/new":                {admin, s.addUser},
		"DELETE /users/{user}":           {admin, s.deleteUser},
		"POST /users/password":           {user, s.setPassword},
	}
}

func (s *Server) login(c *call) (any, error) {
	var in struct{ Username, Pw string }
	if err := c.body(&in); err != nil {
		return nil, err
	}
	if err := c.named(); err != nil {
		return nil, err
	}
	var found *store.User
	s.Store.Read(func(state *store.State) {
		for _, u := range state.Users {
			if strings.EqualFold(u.Name, in.Username) {
				found = &u
			}
		}
	})
	if found == nil || !password.Check(found.PasswordHash, in.Pw) {
		s.complain(refusal{0, "login refused for user " + in.Username + " from " + c.r.RemoteAddr})
		return nil, refusal{http.StatusUnauthorized, "Invalid username or password entered."}
	}
	token := store.NewID()
	device := c.device
	device.TokenHash, device.UserID = tokenHash(token), found.ID
	var view any
	err := s.Store.Change(func(state *store.State) error {
		// One device holds one login of a user: the one before ends.
		state.Devices = slices.DeleteFunc(state.Devices, func(d store.Device) bool {
			return d.ID == device.ID && d.UserID == device.UserID
		})
		state.Devices = append(state.Devices, device)
		for i := range state.Users {
			if state.Users[i].ID == found.ID {
				state.Users[i].LastLogin = time.Now().UTC()
				who := state.Users[i]
				found = &who
			}
		}
		view = userView(state, *found)
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.user, c.device = found, device
	session := s.seen.touch(c)
	return fields{"User": view, "SessionInfo": s.sessionView(session), "AccessToken": token, "ServerId": s.serverID()}, nil
}

func (s *Server) logout(c *call) (any, error) {
	s.seen.end(c.device)
	return nil, s.Store.Change(func(state *store.State) error {
		state.Devices = slices.DeleteFunc(state.Devices, func(d store.Device) bool {
			return d.TokenHash == c.device.TokenHash
		})
		return nil
	})
}

func (s *Server) me(c *call) (any, error) { return s.showUser(c.user.ID) }

func (s *Server) oneUser(c *call) (any, error) { return s.showUser(c.id("user")) }

func (s *Server) showUser(id string) (view any, err error) {
	err = notFound
	s.Store.Read(func(state *store.State) {
		for _, u := range state.Users {
			if u.ID == id {
				view, err = userView(state, u), nil
			}
		}
	})
	return view, err
}

// publicUsers is who the login page may show. New users are hidden from it, so the list is empty by default.
func (s *Server) publicUsers(*call) (any, error) { return []fields{}, nil }

func (s *Server) users(*call) (any, error) {
	all := []fields{}
	s.Store.Read(func(state *store.State) {
		for _, u := range state.Users {
			all = append(all, userView(state, u))
		}
	})
	return all, nil
}

func (s *Server) addUser(c *call) (any, error) {
	var in struct{ Name, Password string }
	if err := c.body(&in); err != nil {
		return nil, err
	}
	if strings.TrimSpace(in.Name) == "" {
		return nil, badRequest("a user needs a name")
	}
	hash, err := password.Hash(in.Password)
	if err != nil {
		return nil, err
	}
	var view any
	err = s.Store.Change(func(state *store.State) error {
		for _, u := range state.Users {
			if strings.EqualFold(u.Name, in.Name) {
				return errTaken
			}
		}
		added := newUser(in.Name, hash, false)
		state.Users = append(state.Users, added)
		view = userView(state, added)
		return nil
	})
	return view, err
}

func (s *Server) deleteUser(c *call) (any, error) {
	id := c.id("user")
	return nil, s.Store.Change(func(state *store.State) error {
		at := slices.IndexFunc(state.Users, func(u store.User) bool { return u.ID == id })
		if at < 0 {
			return notFound
		}
		if state.Users[at].Administrator {
			return badRequest("the only administrator stays")
		}
		state.Users = slices.Delete(state.Users, at, at+1)
		state.Devices = slices.DeleteFunc(state.Devices, func(d store.Device) bool { return d.UserID == id })
		delete(state.Watch, id)
		return nil
	})
}

// setPassword changes the caller's own password, or, for an administrator, that of ?userId=.
func (s *Server) setPassword(c *call) (any, error) {
	var in struct{ CurrentPw, NewPw string }
	if err := c.body(&in); err != nil {
		return nil, err
	}
	id := plainID(c.get("userId"))
	if id == "" {
		id = c.user.ID
	}
	if id != c.user.ID && !c.user.Administrator {
		return nil, forbidden
	}
	if id == c.user.ID && !password.Check(c.user.PasswordHash, in.CurrentPw) {
		return nil, refusal{http.StatusForbidden, "Invalid user or password entered."}
	}
	hash, err := password.Hash(in.NewPw)
	if err != nil {
		return nil, err
	}
	return nil, s.Store.Change(func(state *store.State) error {
		for i := range state.Users {
			if state.Users[i].ID == id {
				state.Users[i].PasswordHash = hash
				return nil
			}
		}
		return notFound
	})
}
