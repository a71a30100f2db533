package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"homelab/cloud/acme"
	"homelab/cloud/adminapi"
	"homelab/cloud/control"
	"homelab/cloud/derp"
	"homelab/cloud/exits"
	"homelab/cloud/hub"
	"homelab/cloud/keep"
	"homelab/cloud/pages"
	"homelab/cloud/rootca"
	"homelab/cloud/tailnet"
	"homelab/cloud/web"
)

// adminSocket answers everything that the public address answers, in the state folder.
const adminSocket = "admin.sock"

// registry is where the docker-registry behind the hub listens, once the lab has started it.
const registry = "127.0.0.1:5000"

// cloud is all that `serve` listens for.
type cloud struct {
	options *serveOptions
	root    *rootca.Root
	hosts   *web.Hosts
	relays  []*derp.Region
	names   func() map[string][]netip.Addr // in public DNS
	open    []io.Closer
}

func build(o *serveOptions, root *rootca.Root, net *tailnet.Tailnet, publish func() error) (*cloud, error) {
	relays, err := derp.Regions(o.relays, net.View().RelayKeys)
	if err != nil {
		return nil, err
	}
	certificates, err := acme.Handler(root, o.dns.String())
	if err != nil {
		return nil, err
	}
	html, err := pages.New(net, publish)
	if err != nil {
		return nil, err
	}
	plane := http.NewServeMux()
	control.New(net, derp.Map(relays), publish).Register(plane)
	html.Register(plane)
	plane.HandleFunc("GET /generate_204", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	// The control plane and its pages are the same under all its names, one's own (headscale.lab) included.
	hosts := &web.Hosts{Other: plane, ByName: map[string]http.Handler{
		"api.tailscale.com":            adminapi.New(net, publish).Handler(),
		"acme-v02.api.letsencrypt.org": certificates,
		"whatismyip.lab":               http.HandlerFunc(web.WhatIsMyIP),
		"miniflux.app":                 http.HandlerFunc(web.Feed),
	}}
	for _, name := range []string{"tailscale.com", "pkgs.tailscale.com"} {
		if hosts.ByName[name], err = web.Site(o.www, name); err != nil {
			return nil, err
		}
	}
	for name, handler := range hub.New(registry) {
		hosts.ByName[name] = handler
	}
	names := func() map[string][]netip.Addr { return publicNames(net.View(), o).A }
	return &cloud{options: o, root: root, hosts: hosts, relays: relays, names: names}, nil
}

// listen opens every public port, and answers on them.
func (c *cloud) listen(ctx context.Context, outside *keep.Client) error {
	if err := c.listenWeb(outside, c.options.ip, web.Names, c.hosts); err != nil {
		return err
	}
	for _, r := range c.relays {
		if err := c.listenWeb(outside, r.Addr, []string{r.Host}, r.Handler(c.names)); err != nil {
			return err
		}
		if err := r.ListenSTUN(ctx); err != nil {
			return inUse(err)
		}
	}
	return nil
}

// listenWeb answers on ports 80 and 443 of one address.
func (c *cloud) listenWeb(outside *keep.Client, addr netip.Addr, names []string, h http.Handler) error {
	cert, err := c.root.Server(names, []netip.Addr{addr})
	if err != nil {
		return err
	}
	for _, port := range []uint16{80, 443} {
		l, err := outside.Listen(netip.AddrPortFrom(addr, port))
		if err != nil {
			return inUse(err)
		}
		c.open = append(c.open, l)
		if port == 443 {
			// HTTP/1.1 only: Noise and DERP take over the connection, which HTTP/2 does not allow.
			l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}})
		}
		c.answer(l, h)
	}
	return nil
}

func (c *cloud) answer(l net.Listener, h http.Handler) {
	s := &http.Server{Handler: web.Guard(h), ReadHeaderTimeout: 20 * time.Second,
		// Clients that hang up in the middle of a handshake are daily bread.
		ErrorLog: log.New(io.Discard, "", 0)}
	go func() {
		if err := s.Serve(l); !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
			log.Printf("web: %v", err)
		}
	}()
}

func (c *cloud) listenAdmin(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return exits.Missing("", "cannot replace the socket: %v", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return exits.Missing("a socket's path may have about 100 characters: use a shorter state folder", "cannot listen on %s: %v", path, err)
	}
	c.open = append(c.open, l)
	if err := os.Chmod(path, 0o600); err != nil {
		return err
	}
	c.answer(l, c.hosts)
	return nil
}

func (c *cloud) close() {
	for _, o := range c.open {
		_ = o.Close() // the process ends
	}
}

// inUse is the error of a port that cannot be opened.
func inUse(err error) error {
	return exits.Missing("stop the other process, or give the machine this address first", "cannot listen: %v", err)
}
