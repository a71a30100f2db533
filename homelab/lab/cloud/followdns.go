package main

import (
	"context"
	"fmt"
	"log"

	"homelab/cloud/tailnet"
)

// follow tells public DNS whenever its names change, whatever the reason: a node that begins or
// ends to show something to the internet, that gets another name, that is removed.
func follow(ctx context.Context, net *tailnet.Tailnet, o *serveOptions, publish func() error) {
	changed, leave := net.Watch()
	defer leave()
	told := publicNames(net.View(), o).A
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		now := publicNames(net.View(), o).A
		if fmt.Sprint(now) == fmt.Sprint(told) { // maps print in the order of their keys
			continue
		}
		for name := range now {
			if told[name] == nil {
				log.Printf("dns: %s is public", name)
			}
		}
		for name := range told {
			if now[name] == nil {
				log.Printf("dns: %s is no longer public", name)
			}
		}
		told = now
		if err := publish(); err != nil {
			log.Printf("dns: %v (will be told as soon as it is there)", err)
		}
	}
}
