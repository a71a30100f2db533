package adminapi

import (
	"slices"
	"strconv"
	"time"

	"tailscale.com/tailcfg"

	"homelab/cloud/tailnet"
)

var roles = []string{"owner", "member", "admin", "it-admin", "network-admin", "billing-admin", "auditor"}

func userID(id tailcfg.UserID) string { return "u" + strconv.FormatInt(int64(id), 36) + "CNTRL" }

func (a *API) users(on func(pattern, scope string, h handler)) {
	const scope = "users"
	on("GET /api/v2/tailnet/{tailnet}/users", scope, a.listUsers)
	on("GET /api/v2/users/{user}", scope, func(c *call) (any, error) {
		st := a.net.View()
		u := findUser(st, c.r.PathValue("user"))
		if u == nil {
			return nil, notFound("user")
		}
		return a.user(st, u), nil
	})
	on("POST /api/v2/users/{user}/role", scope, a.setRole)
	on("POST /api/v2/users/{user}/delete", scope, a.deleteUser)
}

func findUser(s *tailnet.State, id string) *tailnet.User {
	for _, u := range s.Users {
		if userID(u.ID) == id {
			return u
		}
	}
	return nil
}

func (a *API) user(st *tailnet.State, u *tailnet.User) map[string]any {
	devices, connected, seen := 0, false, u.Created
	for _, n := range st.Sorted() {
		if n.User != u.ID || len(n.Tags) > 0 {
			continue
		}
		devices++
		if a.net.Online(n.ID) {
			connected, seen = true, time.Now().UTC()
		} else if n.LastSeen.After(seen) {
			seen = n.LastSeen
		}
	}
	status := "idle"
	if connected {
		status = "active"
	}
	return map[string]any{"id": userID(u.ID), "displayName": u.Name, "loginName": u.Login, "profilePicUrl": "",
		"tailnetId": st.Domain, "created": u.Created, "type": "member", "role": u.Role, "status": status,
		"deviceCount": devices, "lastSeen": seen, "currentlyConnected": connected}
}

func (a *API) listUsers(c *call) (any, error) {
	st := a.net.View()
	q := c.r.URL.Query()
	out := []map[string]any{}
	for _, u := range st.Users {
		if q.Get("role") == "" || q.Get("role") == u.Role {
			if q.Get("type") == "" || q.Get("type") == "member" || q.Get("type") == "all" {
				out = append(out, a.user(st, u))
			}
		}
	}
	slices.SortFunc(out, func(x, y map[string]any) int {
		if x["loginName"].(string) < y["loginName"].(string) {
			return -1
		}
		return 1
	})
	return map[string]any{"users": out}, nil
}

func (a *API) setRole(c *call) (any, error) {
	var req struct{ Role string }
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	if !slices.Contains(roles[1:], req.Role) {
		return nil, badRequest("%q is no role that can be given: %v", req.Role, roles[1:])
	}
	return nil, a.net.Update(func(s *tailnet.State) error {
		u := findUser(s, c.r.PathValue("user"))
		switch {
		case u == nil:
			return notFound("user")
		case u.Role == "owner":
			return badRequest("the owner of a tailnet stays its owner")
		}
		s.SetRole(u.ID, req.Role)
		return nil
	})
}

func (a *API) deleteUser(c *call) (any, error) {
	return nil, a.net.Update(func(s *tailnet.State) error {
		u := findUser(s, c.r.PathValue("user"))
		switch {
		case u == nil:
			return notFound("user")
		case u.Role == "owner":
			return badRequest("the owner of a tailnet cannot be deleted")
		}
		s.DeleteUser(u.ID)
		return nil
	})
}
