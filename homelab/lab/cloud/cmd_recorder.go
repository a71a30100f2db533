package main

import (
	"context"
	"errors"
	"net/netip"

	"homelab/cloud/exits"
	"homelab/cloud/localapi"
	"homelab/cloud/recorder"
)

func runRecorder(ctx context.Context, args []string) error {
	f := newFlags("recorder")
	dir := f.String("dir", "", "folder of the recordings")
	socket := f.String("socket", localapi.Socket, "where tailscaled answers")
	if err := parseFlags(f, args, "dir"); err != nil {
		return err
	}
	store, err := recorder.Open(*dir)
	if err != nil {
		return exits.Missing("choose a folder that you may write", "cannot keep recordings: %v", err)
	}
	node := localapi.New(*socket)
	return recorder.New(store, node.WhoIs).Run(ctx, func(ctx context.Context) (netip.Addr, error) {
		s, err := node.Status(ctx)
		switch {
		case err != nil:
			return netip.Addr{}, err
		case s.BackendState != "Running" || len(s.Self.TailscaleIPs) == 0:
			return netip.Addr{}, errors.New("not in a tailnet yet")
		}
		return s.Self.TailscaleIPs[0], nil
	})
}
