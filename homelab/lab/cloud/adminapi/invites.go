package adminapi

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"homelab/cloud/tailnet"
)

const inviteBase = "https://login.tailscale.com/admin/invite/"

func (a *API) invites(on func(pattern, scope string, h handler)) {
	const scope = "device_invites"
	on("GET /api/v2/device/{id}/device-invites", scope, a.withDevice(func(c *call, n *tailnet.Node) (any, error) {
		return a.invitesOf(n), nil
	}))
	on("POST /api/v2/device/{id}/device-invites", scope, a.withDevice(a.createInvites))
	on("GET /api/v2/device-invites/{invite}", scope, a.withInvite(func(i *tailnet.Invite) (any, error) {
		return a.invite(i), nil
	}))
	on("DELETE /api/v2/device-invites/{invite}", scope, a.withInvite(func(i *tailnet.Invite) (any, error) {
		return nil, a.net.Update(func(s *tailnet.State) error {
			delete(s.Invites, i.ID)
			return nil
		})
	}))
	on("POST /api/v2/device-invites/{invite}/resend", scope, a.withInvite(func(i *tailnet.Invite) (any, error) {
		if i.Email == "" {
			return nil, badRequest("this invitation was not sent by email")
		}
		return nil, nil // the lab has no mail: its person knows the address
	}))
	on("POST /api/v2/device-invites/-/accept", scope, a.acceptInvite)
}

// withInvite finds an invitation for a device of this tailnet.
func (a *API) withInvite(f func(i *tailnet.Invite) (any, error)) handler {
	return func(c *call) (any, error) {
		st := a.net.View()
		i := st.Invites[c.r.PathValue("invite")]
		if i == nil || st.Nodes[i.Node] == nil {
			return nil, notFound("invite")
		}
		return f(i)
	}
}

func (a *API) invitesOf(n *tailnet.Node) []any {
	var all []*tailnet.Invite
	for _, i := range a.net.View().Invites {
		if i.Node == n.ID {
			all = append(all, i)
		}
	}
	slices.SortFunc(all, func(x, y *tailnet.Invite) int { return x.Created.Compare(y.Created) })
	out := []any{}
	for _, i := range all {
		out = append(out, a.invite(i))
	}
	return out
}

func (a *API) invite(i *tailnet.Invite) map[string]any {
	out := map[string]any{"id": i.ID, "created": i.Created, "tailnetId": 1, "deviceId": int64(i.Node), "sharerId": int64(i.Sharer),
		"multiUse": i.MultiUse, "allowExitNode": i.AllowExit, "email": i.Email, "inviteUrl": inviteBase + i.Code, "accepted": len(i.Accepted) > 0}
	if len(i.Accepted) > 0 {
		out["acceptedBy"] = inviteUser(a.whole.View().User(i.Accepted[len(i.Accepted)-1]))
	}
	return out
}

func inviteUser(u *tailnet.User) map[string]any {
	return map[string]any{"id": int64(u.ID), "loginName": u.Login, "displayName": u.Name, "profilePicUrl": ""}
}

func (a *API) createInvites(c *call, n *tailnet.Node) (any, error) {
	var req []struct {
		MultiUse, AllowExitNode bool
		Email                   string
	}
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	for i, x := range req {
		if x.Email != "" {
			email, err := tailnet.CheckLogin(x.Email)
			if err != nil {
				return nil, badRequest("%v", err)
			}
			req[i].Email = email
		}
	}
	out := []any{}
	err := a.net.Update(func(s *tailnet.State) error {
		for _, x := range req {
			i := s.NewInvite(tailnet.Invite{Node: n.ID, Sharer: c.token.User, Email: x.Email, MultiUse: x.MultiUse, AllowExit: x.AllowExitNode}, time.Now())
			out = append(out, a.invite(i))
		}
		return nil
	})
	return out, err
}

// acceptInvite shares a device with the person of the token.
func (a *API) acceptInvite(c *call) (any, error) {
	var req struct{ Invite string }
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	var share *tailnet.Share
	me := a.net.View().User(c.token.User)
	err := a.net.Update(func(s *tailnet.State) (err error) {
		share, err = s.Accept(strings.TrimSpace(req.Invite), me)
		return err
	})
	if err != nil {
		return nil, &Error{Status: http.StatusNotFound, Message: err.Error()}
	}
	all := a.whole.View()
	n := all.Nodes[share.Node]
	device := map[string]any{"id": strconv.FormatInt(int64(n.ID), 10), "name": n.Label, "fqdn": all.FQDN(n), "os": "",
		"ipv4": n.IPv4, "ipv6": n.IPv6(), "includeExitNode": share.AllowExit}
	if n.Hostinfo != nil {
		device["os"] = n.Hostinfo.OS
	}
	return map[string]any{"device": device, "sharer": inviteUser(all.User(share.Sharer)), "acceptedBy": inviteUser(me)}, nil
}
