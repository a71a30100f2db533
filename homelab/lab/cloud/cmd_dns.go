package main

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"

	"homelab/cloud/dnsd"
	"homelab/cloud/exits"
	"homelab/cloud/keep"
)

// recordFlags collects --record NAME=IP.
type recordFlags map[string][]netip.Addr

func (r recordFlags) String() string { return "" }

// Set adds one record.
func (r recordFlags) Set(text string) error {
	name, ip, ok := strings.Cut(text, "=")
	addr, err := netip.ParseAddr(ip)
	if !ok || err != nil || name == "" {
		return fmt.Errorf("write NAME=IP, not %q", text)
	}
	name = dnsd.Canonical(name)
	r[name] = append(r[name], addr)
	return nil
}

func runDNS(ctx context.Context, args []string) error {
	f := newFlags("dns")
	state := f.String("state", "", "folder for the socket that `serve` pushes records to")
	listen := f.String("listen", "", "address to answer on (port 53, or ADDRESS:PORT)")
	records := recordFlags{}
	f.Var(records, "record", "a fixed record NAME=IP; may be repeated")
	if err := parseFlags(f, args, "state", "listen"); err != nil {
		return err
	}
	addr, err := addrPort(*listen, 53)
	if err != nil {
		return err
	}
	all := dnsd.NewRecords(records)
	server, err := dnsd.Listen(addr, all)
	if err != nil {
		return err
	}
	// Last, for a socket that takes connections says that DNS answers.
	push, err := keep.Serve(filepath.Join(*state, keep.SocketName), all)
	if err != nil {
		return err
	}
	defer push.Close()
	failed := make(chan error, 1)
	go func() { failed <- server.Serve() }()
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// addrPort reads an address that may have a port.
func addrPort(text string, port uint16) (netip.AddrPort, error) {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap, nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.AddrPort{}, exits.Missing("such as 203.0.113.2", "%q is no address", text)
	}
	return netip.AddrPortFrom(a, port), nil
}
