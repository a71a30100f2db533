// Command cloud plays the internet's side of a tailnet in Homelab Runbook's lab: the control
// plane with its pages and API, relays, public DNS, certificates, packages.
//
//	cloud ca    --dir DIR
//	cloud repo  --tailscale DIR --version V --out DIR
//	cloud dns   --state DIR --listen IP [--record NAME=IP]…
//	cloud recorder --dir DIR
//	cloud relay --listen IP
//	cloud serve --state DIR --ca DIR --www DIR --ip IP --derp IP,IP --dns IP --domain NAME --owner EMAIL
//
// Exit status: 0 done, 1 failed, 2 wrong command line, 3 something that it needs is missing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"homelab/cloud/exits"
)

type command struct {
	about string
	run   func(ctx context.Context, args []string) error
}

var commands = map[string]command{
	"ca":    {"make the lab's root certificate, once", runCA},
	"repo":  {"write the package and install pages", runRepo},
	"dns":   {"answer public DNS", runDNS},
	"serve": {"be everything else", runServe},
	// Machines of their own:
	"relay":    {"be Funnel's front end", runRelay},
	"recorder": {"keep recordings of shell sessions", runRecorder},
}

func main() {
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	if len(os.Args) < 2 || commands[os.Args[1]].run == nil {
		fmt.Fprintln(os.Stderr, "usage: cloud ca|repo|dns|serve|relay|recorder --help")
		for _, name := range []string{"ca", "repo", "dns", "serve", "relay", "recorder"} {
			fmt.Fprintf(os.Stderr, "  %-8s %s\n", name, commands[name].about)
		}
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	err := commands[os.Args[1]].run(ctx, os.Args[2:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintf(os.Stderr, "cloud %s: %v\n", os.Args[1], err)
		os.Exit(exits.Status(err))
	}
}

var errUsage = errors.New("wrong command line")

// parseFlags parses args and refuses what is left over or left out.
func parseFlags(f *flag.FlagSet, args []string, required ...string) error {
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage // the flag package has said why
	}
	given := map[string]bool{}
	f.Visit(func(x *flag.Flag) { given[x.Name] = true })
	for _, name := range required {
		if !given[name] {
			fmt.Fprintf(f.Output(), "cloud %s: --%s is missing\n", f.Name(), name)
			return errUsage
		}
	}
	if f.NArg() > 0 {
		fmt.Fprintf(f.Output(), "cloud %s: what is %q for?\n", f.Name(), f.Arg(0))
		return errUsage
	}
	return nil
}

func newFlags(name string) *flag.FlagSet { return flag.NewFlagSet(name, flag.ContinueOnError) }
