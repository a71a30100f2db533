package adminapi

import (
	"net/netip"
	"slices"
	"strconv"
	"time"

	"homelab/cloud/tailnet"
)

func (a *API) devices(on func(pattern, scope string, h handler)) {
	const scope = "devices:core"
	on("GET /api/v2/tailnet/{tailnet}/devices", scope, a.listDevices)
	on("GET /api/v2/device/{id}", scope, a.withDevice(func(c *call, n *tailnet.Node) (any, error) {
		return a.device(a.net.View(), n), nil
	}))
	on("DELETE /api/v2/device/{id}", scope, a.change(func(c *call, s *tailnet.State, n *tailnet.Node) error {
		s.Remove(n.ID)
		return nil
	}))
	on("POST /api/v2/device/{id}/expire", scope, a.change(func(c *call, s *tailnet.State, n *tailnet.Node) error {
		s.Expire(n.ID, time.Now())
		return nil
	}))
	on("POST /api/v2/device/{id}/authorized", scope, a.change(authorize))
	on("POST /api/v2/device/{id}/key", scope, a.change(keySettings))
	on("POST /api/v2/device/{id}/name", scope, a.change(rename))
	on("POST /api/v2/device/{id}/tags", scope, a.change(setTags))
	on("POST /api/v2/device/{id}/ip", scope, a.change(setAddress))
	on("GET /api/v2/device/{id}/routes", "devices:routes", a.withDevice(func(c *call, n *tailnet.Node) (any, error) {
		return routesOf(n), nil
	}))
	on("POST /api/v2/device/{id}/routes", "devices:routes", a.setRoutes)
}

// find is the device of that id: the number, or the stable id.
func find(s *tailnet.State, id string) *tailnet.Node {
	for _, n := range s.Sorted() {
		if string(n.StableID) == id || strconv.FormatInt(int64(n.ID), 10) == id {
			return n
		}
	}
	return nil
}

func (a *API) withDevice(f func(c *call, n *tailnet.Node) (any, error)) handler {
	return func(c *call) (any, error) {
		n := find(a.net.View(), c.r.PathValue("id"))
		if n == nil {
			return nil, notFound("device")
		}
		return f(c, n)
	}
}

// change is a handler that changes one device and has nothing to say.
func (a *API) change(f func(c *call, s *tailnet.State, n *tailnet.Node) error) handler {
	return func(c *call) (any, error) {
		err := a.net.Update(func(s *tailnet.State) error {
			n := find(s, c.r.PathValue("id"))
			if n == nil {
				return notFound("device")
			}
			return f(c, s, s.Edit(n.ID))
		})
		if err == nil {
			err = a.publish()
		}
		return nil, err
	}
}

func authorize(c *call, s *tailnet.State, n *tailnet.Node) error {
	var req struct{ Authorized *bool }
	if err := c.decode(&req); err != nil {
		return err
	}
	if req.Authorized == nil {
		return badRequest("say authorized: true or false")
	}
	n.Approved = *req.Authorized
	return nil
}

func keySettings(c *call, s *tailnet.State, n *tailnet.Node) error {
	var req struct{ KeyExpiryDisabled, Preauthorized *bool }
	if err := c.decode(&req); err != nil {
		return err
	}
	if req.KeyExpiryDisabled != nil {
		n.NoExpiry = *req.KeyExpiryDisabled
		if !n.NoExpiry && n.Expiry.Before(time.Now()) {
			n.Expiry = time.Now().Add(time.Duration(s.Settings.KeyDurationDays) * 24 * time.Hour).UTC()
		}
	}
	return nil
}

func rename(c *call, s *tailnet.State, n *tailnet.Node) error {
	var req struct{ Name string }
	if err := c.decode(&req); err != nil {
		return err
	}
	if req.Name != "" {
		label := tailnet.Label(req.Name)
		for _, o := range s.Nodes {
			if o.ID != n.ID && o.Label == label {
				return badRequest("name %q is already in use", label)
			}
		}
	}
	s.Rename(n.ID, req.Name)
	return nil
}

func setTags(c *call, s *tailnet.State, n *tailnet.Node) error {
	var req struct{ Tags []string }
	if err := c.decode(&req); err != nil {
		return err
	}
	if len(req.Tags) == 0 {
		return badRequest("tags cannot be taken off entirely: log the device in again as a person")
	}
	if err := s.CheckTags(actor(s, c.token), req.Tags); err != nil {
		return badRequest("%v", err)
	}
	slices.Sort(req.Tags)
	n.Tags = slices.Compact(req.Tags)
	n.NoExpiry = true
	s.SetPolicy(s.PolicyText, s.Policy()) // other tags may have other routes approved
	return nil
}

func setAddress(c *call, s *tailnet.State, n *tailnet.Node) error {
	var req struct{ IPv4 netip.Addr }
	if err := c.decode(&req); err != nil {
		return err
	}
	return s.SetIPv4(n.ID, req.IPv4)
}

func (a *API) setRoutes(c *call) (any, error) {
	var req struct{ Routes []string }
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	var routes []netip.Prefix
	for _, r := range req.Routes {
		p, err := netip.ParsePrefix(r)
		if err != nil || p != p.Masked() {
			return nil, badRequest("%q is no route: write it such as 10.20.0.0/24", r)
		}
		if !slices.Contains(routes, p) {
			routes = append(routes, p)
		}
	}
	out, err := any(nil), error(nil)
	err = a.net.Update(func(s *tailnet.State) error {
		n := find(s, c.r.PathValue("id"))
		if n == nil {
			return notFound("device")
		}
		n = s.Edit(n.ID)
		n.Routes = routes
		out = routesOf(n)
		return nil
	})
	return out, err
}

func routesOf(n *tailnet.Node) any {
	return map[string][]netip.Prefix{"advertisedRoutes": list(n.Advertised()), "enabledRoutes": list(n.Routes)}
}

// list is never null in JSON.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

func (a *API) listDevices(c *call) (any, error) {
	st := a.net.View()
	out := []any{}
	for _, n := range st.Sorted() {
		out = append(out, a.device(st, n))
	}
	for _, n := range a.sharedIn(st) {
		d := a.device(st, n)
		d["isExternal"] = true
		out = append(out, d)
	}
	return map[string]any{"devices": out}, nil
}
