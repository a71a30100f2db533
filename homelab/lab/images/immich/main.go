// Command immich is Homelab Runbook's stand-in for the Immich server: the part of its HTTP API that the runbook
// uses, over a real PostgreSQL, and a page of photos. It is not Immich: nothing is recognised in the photos.
//
//	immich                 serve, until SIGTERM
//	immich --healthcheck   ask the running server; exit status 0 when it is healthy
//
// Environment: HOMELAB_VERSION (the release that it plays), HOMELAB_LISTEN (":2283"), and as in the real image
// DB_HOSTNAME, DB_PORT, DB_USERNAME, DB_PASSWORD, DB_DATABASE_NAME or DB_URL, REDIS_HOSTNAME, REDIS_PORT,
// IMMICH_MEDIA_LOCATION ("/data").
package main

import (
	"cmp"
	"context"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"

	"homelab/images/immich/api"
	"homelab/images/immich/db"
	"homelab/images/immich/photos"
	"homelab/images/immich/web"
	"homelab/images/internal/serve"
)

const current = "v3.3.5" // what it plays when nothing says so

func main() {
	address := serve.Listen("2283")
	if len(os.Args) > 1 && os.Args[1] == "--healthcheck" {
		os.Exit(serve.Healthcheck(address, "/api/server/ping", "pong"))
	}
	log.SetFlags(log.Ltime)
	if err := run(address); err != nil {
		log.Fatalf("FATAL %v", err)
	}
}

func run(address string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	version, err := db.ParseVersion(cmp.Or(os.Getenv("HOMELAB_VERSION"), current))
	if err != nil {
		return err
	}
	log.Printf("Immich %s (Homelab Runbook's stand-in, not Immich itself)", version)
	config, err := db.Settings()
	if err != nil {
		return err
	}
	if err := waitForRedis(ctx, log.Printf); err != nil {
		return err
	}
	opened, err := db.Open(ctx, config, version, log.Printf)
	if err != nil {
		return err
	}
	defer opened.Close()
	files := photos.Files{Root: cmp.Or(os.Getenv("IMMICH_MEDIA_LOCATION"), "/data")}
	server := &api.Server{DB: opened, Files: files, Version: version, Web: web.Handler()}
	return serve.Until(ctx, address, server.Handler(), func(at net.Addr) {
		log.Printf("Immich Server is listening on %s, photos in %s", at, files.Root)
	})
}
