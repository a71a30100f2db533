package api

import (
	"errors"
	"net/http"

	"homelab/images/immich/db"
)

func (s *Server) users() map[string]handler {
	return map[string]handler{
		"POST /api/auth/validateToken": func(*call) (any, error) { return fields{"authStatus": true}, nil },
		"POST /api/auth/logout":        s.logout,
		"POST /api/api-keys":           s.addKey,
		"GET /api/users":               s.allUsers,
		"GET /api/users/me":            s.me,
		"POST /api/admin/users":        s.addUser,
	}
}

func (s *Server) me(c *call) (any, error) {
	used, err := s.usage(c, c.user.ID)
	return adminView(c.user, used), err
}

func (s *Server) allUsers(c *call) (any, error) {
	found, err := s.DB.Users(c.r.Context())
	views := []fields{}
	for _, user := range found {
		views = append(views, userView(user))
	}
	return views, err
}

func (s *Server) addUser(c *call) (any, error) {
	if !c.user.IsAdmin {
		return nil, refusal{http.StatusForbidden, "Forbidden"}
	}
	email, name, hash, err := c.account()
	if err != nil {
		return nil, err
	}
	user, err := s.DB.AddUser(c.r.Context(), email, name, hash, false)
	if errors.Is(err, db.ErrTaken) {
		return nil, bad("User exists")
	} else if err != nil {
		return nil, err
	}
	return created{adminView(user, 0)}, nil
}

func (s *Server) usage(c *call, id string) (int64, error) {
	all, err := s.DB.Usages(c.r.Context(), false)
	for _, usage := range all {
		if usage.UserID == id {
			return usage.PhotoBytes + usage.VideoBytes, err
		}
	}
	return 0, err
}

func userView(u db.User) fields {
	return fields{"id": u.ID, "email": u.Email, "name": u.Name, "avatarColor": "primary", "profileImagePath": "",
		"profileChangedAt": u.CreatedAt}
}

func adminView(u db.User, used int64) fields {
	view := userView(u)
	for name, value := range (fields{
		"isAdmin": u.IsAdmin, "createdAt": u.CreatedAt, "updatedAt": u.UpdatedAt, "deletedAt": nil, "oauthId": "",
		"license": nil, "quotaSizeInBytes": nil, "quotaUsageInBytes": used, "shouldChangePassword": false,
		"status": "active", "storageLabel": nil, "clusterGroupId": u.ID,
	}) {
		view[name] = value
	}
	return view
}
