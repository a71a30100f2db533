package main

import (
	"context"
	"fmt"
	"log"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"homelab/cloud/exits"
	"homelab/cloud/keep"
	"homelab/cloud/rootca"
	"homelab/cloud/tailnet"
)

type serveOptions struct {
	state, ca, www  string
	ip              netip.Addr
	relays          []netip.Addr
	dns             netip.AddrPort
	funnel          netip.Addr // public address of Funnel's front end; none: there is no Funnel
	funnelKey       string
	exits           exitFlags
	domain, owner   string
	apiKey, authKey string
}

func serveFlags(args []string) (*serveOptions, error) {
	f := newFlags("serve")
	o := &serveOptions{}
	var ip, relays, dns string
	f.StringVar(&o.state, "state", "", "folder of state.json and the sockets")
	f.StringVar(&o.ca, "ca", "", "folder that `cloud ca` made")
	f.StringVar(&o.www, "www", "", "folder that `cloud repo` wrote")
	f.StringVar(&ip, "ip", "", "address of all web services")
	f.StringVar(&relays, "derp", "", "addresses of the relays, separated by commas")
	f.StringVar(&dns, "dns", "", "address of public DNS (`cloud dns`)")
	f.StringVar(&o.domain, "domain", "", "name of a new tailnet, such as snow-burbot.ts.net")
	f.StringVar(&o.owner, "owner", "", "who owns a new tailnet, an email address")
	f.Func("funnel", "public address of Funnel's front end", func(text string) (err error) {
		o.funnel, err = netip.ParseAddr(text)
		return err
	})
	f.StringVar(&o.funnelKey, "funnel-key", "", "reusable auth key of Funnel's front end")
	f.Var(&o.exits, "exit", "a rented exit node, AUTH-KEY=COUNTRY/CODE/CITY/CODE; may be repeated")
	f.StringVar(&o.apiKey, "api-key", "", "API token of the owner, known beforehand")
	f.StringVar(&o.authKey, "auth-key", "", "reusable auth key of the owner, known beforehand")
	if err := parseFlags(f, args, "state", "ca", "www", "ip", "derp", "dns", "domain", "owner"); err != nil {
		return nil, err
	}
	var err error
	if o.ip, err = netip.ParseAddr(ip); err != nil {
		return nil, exits.Missing("such as 203.0.113.2", "--ip: %q is no address", ip)
	}
	for _, text := range strings.Split(relays, ",") {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, exits.Missing("such as 203.0.113.3,203.0.113.4", "--derp: %q is no address", text)
		}
		o.relays = append(o.relays, a)
	}
	if _, err := tailnet.CheckLogin(o.owner); err != nil {
		return nil, exits.Missing("", "--owner: %v", err)
	}
	o.dns, err = addrPort(dns, 53)
	return o, err
}

func runServe(ctx context.Context, args []string) error {
	o, err := serveFlags(args)
	if err != nil {
		return err
	}
	unlock, err := lockState(o.state)
	if err != nil {
		return err
	}
	defer unlock()
	root, err := rootca.Load(o.ca)
	if err != nil {
		return err
	}
	net, err := tailnet.Open(o.state, func() (*tailnet.State, error) { return tailnet.New(o.domain, o.owner, len(o.relays)) })
	if err != nil {
		return err
	}
	if err := knownKeys(net, o); err != nil {
		return err
	}
	outside := keep.NewClient(filepath.Join(o.state, keep.SocketName))
	publish := func() error { return outside.Push(publicNames(net.View(), o)) }
	c, err := build(o, root, net, publish)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.listen(ctx, outside); err != nil {
		return err
	}
	if err := publish(); err != nil {
		log.Printf("dns: %v (will be told as soon as it is there)", err)
	}
	go outside.Stay(ctx)
	go follow(ctx, net, o, publish)
	net.ReapEphemeral()
	// Last, for a socket that takes connections says that all is ready.
	if err := c.listenAdmin(filepath.Join(o.state, adminSocket)); err != nil {
		return err
	}
	<-ctx.Done()
	outside.Release()
	net.Close()
	return nil
}

// lockState keeps a second `serve` away from the state.
func lockState(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "serve.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, exits.Missing("make the state folder first", "cannot use the state folder: %v", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, exits.Missing("stop it, or use another state folder", "another cloud already uses %s", dir)
	}
	return func() { f.Close() }, nil
}

// knownKeys adds the keys of the command line, unless the state has them.
func knownKeys(net *tailnet.Tailnet, o *serveOptions) error {
	type known struct {
		secret string
		key    tailnet.Key
	}
	all := []known{
		{o.apiKey, tailnet.Key{ID: "klabapiCNTRL", Kind: tailnet.APIToken, Description: "the lab's own API token"}},
		{o.authKey, tailnet.Key{ID: "klabauthCNTRL", Kind: tailnet.AuthKey, Reusable: true, Preauthorized: true, Description: "the lab's own auth key"}},
		{o.funnelKey, tailnet.Key{ID: "kfunnelCNTRL", Kind: tailnet.AuthKey, Reusable: true, Ingress: true}},
	}
	for i, e := range o.exits {
		all = append(all, known{e.key, tailnet.Key{ID: fmt.Sprintf("kexit%dCNTRL", i), Kind: tailnet.AuthKey, Reusable: true, Exit: &e.at}})
	}
	for _, k := range all {
		if k.secret == "" || net.View().FindKey(k.secret) != nil {
			continue
		}
		err := net.Update(func(s *tailnet.State) error {
			k.key.User = s.Owner().ID
			s.AddKey(k.key, k.secret)
			return nil
		})
		if err != nil {
			return exits.Missing("free some space", "%v", err)
		}
	}
	return nil
}
