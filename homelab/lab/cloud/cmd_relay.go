package main

import (
	"context"
	"net"
	"net/netip"
	"os"

	"homelab/cloud/exits"
	"homelab/cloud/localapi"
	"homelab/cloud/relay"
)

func runRelay(ctx context.Context, args []string) error {
	f := newFlags("relay")
	listen := f.String("listen", "", "public address")
	socket := f.String("socket", localapi.Socket, "where tailscaled answers")
	dir := f.String("seen", "", "folder for what was seen of the latest visit")
	if err := parseFlags(f, args, "listen"); err != nil {
		return err
	}
	addr, err := netip.ParseAddr(*listen)
	if err != nil {
		return exits.Missing("such as 203.0.113.80", "--listen: %q is no address", *listen)
	}
	if *dir != "" {
		if err := os.MkdirAll(*dir, 0o700); err != nil {
			return exits.Missing("choose a folder that you may write", "%v", err)
		}
	}
	r := relay.New(relay.NewPeers(localapi.New(*socket).Status), &relay.Seen{Dir: *dir})
	failed := make(chan error, len(relay.Ports))
	for _, port := range relay.Ports {
		l, err := net.Listen("tcp", netip.AddrPortFrom(addr, port).String())
		if err != nil {
			return inUse(err)
		}
		defer l.Close()
		go func() { failed <- r.Serve(l) }()
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}
