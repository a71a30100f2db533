package main

import (
	"context"

	"homelab/cloud/aptrepo"
	"homelab/cloud/rootca"
)

func runCA(_ context.Context, args []string) error {
	f := newFlags("ca")
	dir := f.String("dir", "", "folder of root.pem and root.key")
	if err := parseFlags(f, args, "dir"); err != nil {
		return err
	}
	return rootca.Ensure(*dir)
}

func runRepo(_ context.Context, args []string) error {
	f := newFlags("repo")
	binaries := f.String("tailscale", "", "folder that holds tailscaled")
	version := f.String("version", "", "version of the package")
	out := f.String("out", "", "folder to be written: a folder per site in it")
	if err := parseFlags(f, args, "tailscale", "version", "out"); err != nil {
		return err
	}
	return aptrepo.Build(*binaries, *version, *out)
}
