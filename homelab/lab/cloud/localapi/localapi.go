// Package localapi asks the tailscaled of the same machine.
package localapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Socket is where a tailscaled answers.
const Socket = "/run/tailscale/tailscaled.sock"

// Client asks one tailscaled.
type Client struct{ http http.Client }

// New talks over the unix socket at path.
func New(path string) *Client {
	return &Client{http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}}}}
}

// Status is what we need to know of the node and its peers.
type Status struct {
	BackendState string
	Self         Node
	Peer         map[string]Node
}

// Node is a node of the tailnet.
type Node struct {
	DNSName      string
	TailscaleIPs []netip.Addr
	PeerAPIURL   []string
}

// Name is the node's full name, without the trailing dot.
func (n *Node) Name() string { return strings.ToLower(strings.TrimSuffix(n.DNSName, ".")) }

// Status asks how the node is, and who is there.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	s := &Status{}
	return s, c.get(ctx, "status", s)
}

// WhoIs is the full name of the node at an address.
func (c *Client) WhoIs(ctx context.Context, addr netip.AddrPort) (string, error) {
	var who struct{ Node struct{ Name string } }
	err := c.get(ctx, "whois?addr="+url.QueryEscape(addr.String()), &who)
	return strings.TrimSuffix(who.Node.Name, "."), err
}

func (c *Client) get(ctx context.Context, what string, into any) error {
	r, err := http.NewRequestWithContext(ctx, "GET", "http://local-tailscaled.sock/localapi/v0/"+what, nil)
	if err != nil {
		return err
	}
	res, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 200))
		return fmt.Errorf("tailscaled answers %s: %s", res.Status, strings.TrimSpace(string(text)))
	}
	return json.NewDecoder(res.Body).Decode(into)
}
