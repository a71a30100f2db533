package adminapi

import (
	"homelab/cloud/tailnet"
)

func (a *API) settings(on func(pattern, scope string, h handler)) {
	const scope = "feature_settings"
	on("GET /api/v2/tailnet/{tailnet}/settings", scope, func(c *call) (any, error) {
		return settingsJSON(a.net.View()), nil
	})
	on("PATCH /api/v2/tailnet/{tailnet}/settings", scope, a.setSettings)
}

func settingsJSON(st *tailnet.State) any {
	return map[string]any{
		"httpsEnabled": st.Settings.HTTPS, "devicesApprovalOn": st.Settings.DeviceApproval,
		"devicesKeyDurationDays": st.Settings.KeyDurationDays,
		// What the lab does not have is off.
		"devicesAutoUpdatesOn": false, "usersApprovalOn": false, "networkFlowLoggingOn": false, "regionalRoutingOn": false,
		"postureIdentityCollectionOn": false, "aclsExternallyManagedOn": false, "aclsExternalLink": "",
		"usersRoleAllowedToJoinExternalTailnets": "none", "routeSelection": "active-passive-failover",
	}
}

type settingsRequest struct {
	HTTPSEnabled, DevicesApprovalOn                                                *bool
	DevicesKeyDurationDays                                                         *int
	DevicesAutoUpdatesOn, UsersApprovalOn, NetworkFlowLoggingOn, RegionalRoutingOn *bool
	PostureIdentityCollectionOn, ACLsExternallyManagedOn                           *bool
	ACLsExternalLink, UsersRoleAllowedToJoinExternalTailnets, RouteSelection       *string
}

// unsupported is the name of a setting that the request turns on and the lab does not have; "" if there is none.
func (r *settingsRequest) unsupported() string {
	for name, on := range map[string]*bool{"devicesAutoUpdatesOn": r.DevicesAutoUpdatesOn, "usersApprovalOn": r.UsersApprovalOn,
		"networkFlowLoggingOn": r.NetworkFlowLoggingOn, "regionalRoutingOn": r.RegionalRoutingOn,
		"postureIdentityCollectionOn": r.PostureIdentityCollectionOn, "aclsExternallyManagedOn": r.ACLsExternallyManagedOn} {
		if on != nil && *on {
			return name
		}
	}
	for name, t := range map[string]*string{"aclsExternalLink": r.ACLsExternalLink, "routeSelection": r.RouteSelection,
		"usersRoleAllowedToJoinExternalTailnets": r.UsersRoleAllowedToJoinExternalTailnets} {
		if t != nil && *t != "" && *t != "none" && *t != "active-passive-failover" {
			return name
		}
	}
	return ""
}

func (a *API) setSettings(c *call) (any, error) {
	var req settingsRequest
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	if name := req.unsupported(); name != "" {
		return nil, badRequest("the lab cannot do %s", name)
	}
	if d := req.DevicesKeyDurationDays; d != nil && (*d < 1 || *d > 180) {
		return nil, badRequest("devicesKeyDurationDays must be 1 to 180")
	}
	err := a.net.Update(func(s *tailnet.State) error {
		if req.HTTPSEnabled != nil {
			s.Settings.HTTPS = *req.HTTPSEnabled
		}
		if req.DevicesApprovalOn != nil {
			s.Settings.DeviceApproval = *req.DevicesApprovalOn
		}
		if req.DevicesKeyDurationDays != nil {
			s.Settings.KeyDurationDays = *req.DevicesKeyDurationDays
		}
		return nil
	})
	return settingsJSON(a.net.View()), err
}
