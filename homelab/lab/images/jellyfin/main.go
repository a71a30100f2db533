// Command jellyfin is Homelab Runbook's stand-in for the Jellyfin server: the part of its HTTP API that the
// runbook uses, its rules for upgrades, and a page to watch films at. It is not Jellyfin.
//
//	jellyfin                 serve, until SIGTERM
//	jellyfin --healthcheck   ask the running server; exit status 0 when it is healthy
//
// Environment: HOMELAB_VERSION (the release that it plays), HOMELAB_LISTEN (":8096"), HOMELAB_SERVER_NAME (the host's
// name), and as in the real image JELLYFIN_DATA_DIR ("/config"), JELLYFIN_CACHE_DIR ("/cache"), JELLYFIN_WEB_DIR,
// JELLYFIN_FFMPEG. State lies in the data folder's "data".
package main

import (
	"cmp"
	"context"
	"log"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"homelab/images/internal/serve"
	"homelab/images/jellyfin/api"
	"homelab/images/jellyfin/media"
	"homelab/images/jellyfin/store"
	"homelab/images/jellyfin/web"
)

const current = "12.4" // what it plays when nothing says so

func main() {
	address := serve.Listen("8096")
	if len(os.Args) > 1 && os.Args[1] == "--healthcheck" {
		os.Exit(serve.Healthcheck(address, "/health", "Healthy"))
	}
	log.SetFlags(log.Ltime)
	again, err := run(address)
	if err != nil {
		log.Fatalf("[FTL] %v", err)
	}
	if again {
		log.Print("[INF] Restarting")
		self, err := os.Executable()
		if err == nil {
			err = syscall.Exec(self, os.Args, os.Environ())
		}
		log.Fatalf("[FTL] %v", err)
	}
}

// run serves until it is told to stop, and tells whether it shall start again.
func run(address string) (again bool, err error) {
	version, err := store.ParseVersion(env("HOMELAB_VERSION", current))
	if err != nil {
		return false, err
	}
	log.Printf("[INF] Jellyfin version: %s (Homelab Runbook's stand-in, not Jellyfin itself)", version)
	host, _ := os.Hostname()
	data := filepath.Join(env("JELLYFIN_DATA_DIR", "/config"), "data")
	opened, err := store.Open(data, env("HOMELAB_SERVER_NAME", host), version, func(format string, args ...any) {
		log.Printf("[INF] "+format, args...)
	})
	if err != nil {
		return false, err
	}
	tools := media.FindTools()
	log.Printf("[INF] ffmpeg: %s, ffprobe: %s", cmp.Or(tools.FFmpeg, "none: no posters"), cmp.Or(tools.FFprobe, "none: no runtimes"))
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	server := &api.Server{
		Store: opened, Tools: tools, Data: data, Cache: env("JELLYFIN_CACHE_DIR", "/cache"),
		Web: web.Handler(os.Getenv("JELLYFIN_WEB_DIR")), Base: ctx,
		Stop: func(restart bool) { again = restart; stop() },
	}
	err = serve.Until(ctx, address, server.Handler(), func(at net.Addr) {
		log.Printf("[INF] Startup complete: data %s, listening on %s", data, at)
	})
	log.Print("[INF] Shutdown complete")
	return again, err
}

func env(name, otherwise string) string { return cmp.Or(os.Getenv(name), otherwise) }
