package adminapi

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"tailscale.com/tailcfg"

	"homelab/cloud/tailnet"
)

// device is a device as the API shows it, all fields.
func (a *API) device(st *tailnet.State, n *tailnet.Node) map[string]any {
	h := n.Hostinfo
	if h == nil {
		h = &tailcfg.Hostinfo{}
	}
	online := a.net.Online(n.ID)
	addrs := []string{}
	for _, x := range n.Addrs() {
		addrs = append(addrs, x.String())
	}
	d := map[string]any{
		"id": strconv.FormatInt(int64(n.ID), 10), "nodeId": string(n.StableID),
		"name": st.FQDN(n), "hostname": h.Hostname, "user": st.User(n.User).Login,
		"addresses": addrs, "tags": list(n.Tags), "os": h.OS, "clientVersion": h.IPNVersion,
		"created": n.Created, "connectedToControl": online, "authorized": n.Approved,
		"nodeKey": n.Key, "machineKey": n.Machine, "keyExpiryDisabled": n.NoExpiry,
		"isExternal": false, "isEphemeral": n.Ephemeral, "blocksIncomingConnections": h.ShieldsUp,
		"updateAvailable": false, "multipleConnections": false, "sshEnabled": len(h.SSH_HostKeys) > 0,
		"advertisedRoutes": list(n.Advertised()), "enabledRoutes": list(n.Routes),
		"tailnetLockKey": "", "tailnetLockError": "",
		"clientConnectivity": connectivity(n, h),
	}
	if e := n.KeyExpiry(); !e.IsZero() {
		d["expires"] = e
	} else if !n.Expiry.IsZero() {
		d["expires"] = n.Expiry
	}
	if !online && !n.LastSeen.IsZero() {
		d["lastSeen"] = n.LastSeen
	} else {
		d["lastSeen"] = time.Now().UTC().Truncate(time.Second)
	}
	if h.Distro != "" {
		d["distro"] = map[string]string{"name": h.Distro, "version": h.DistroVersion, "codeName": h.DistroCodeName}
	}
	return d
}

func connectivity(n *tailnet.Node, h *tailcfg.Hostinfo) map[string]any {
	endpoints := []string{}
	for _, e := range n.Endpoints {
		endpoints = append(endpoints, e.String())
	}
	supports := map[string]any{"hairPinning": nil, "ipv6": false, "pcp": false, "pmp": false, "udp": false, "upnp": false}
	latency := map[string]any{}
	out := map[string]any{"endpoints": endpoints, "clientSupports": supports, "latency": latency, "mappingVariesByDestIP": nil}
	ni := h.NetInfo
	if ni == nil {
		return out
	}
	for name, v := range map[string]interface{ Get() (bool, bool) }{"ipv6": ni.WorkingIPv6, "udp": ni.WorkingUDP, "pcp": ni.PCP, "pmp": ni.PMP, "upnp": ni.UPnP} {
		if b, ok := v.Get(); ok {
			supports[name] = b
		}
	}
	if b, ok := ni.MappingVariesByDestIP.Get(); ok {
		out["mappingVariesByDestIP"] = b
	}
	for region, seconds := range ni.DERPLatency {
		id, _, _ := strings.Cut(region, "-") // "900-v4"
		entry := map[string]any{"latencyMs": seconds * 1000}
		if id == fmt.Sprint(ni.PreferredDERP) {
			entry["preferred"] = true
		}
		latency[id] = entry
	}
	return out
}
