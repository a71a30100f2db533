package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"homelab/images/immich/db"
)

// waitForRedis waits for a PONG when REDIS_HOSTNAME names a server. Immich keeps its queues there; the stand-in
// has none, and asks only so that a stack without Redis does not look complete.
func waitForRedis(ctx context.Context, log func(format string, args ...any)) error {
	host := os.Getenv("REDIS_HOSTNAME")
	if host == "" {
		return nil
	}
	address := net.JoinHostPort(host, cmp.Or(os.Getenv("REDIS_PORT"), "6379"))
	never := func(error) bool { return false }
	return db.Wait(ctx, "redis "+address, func(ctx context.Context) error { return pingRedis(ctx, address) }, never, log)
}

func pingRedis(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	line, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer line.Close()
	_ = line.SetDeadline(time.Now().Add(3 * time.Second))
	if _, err := line.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	said, err := bufio.NewReader(line).ReadString('\n')
	if err != nil {
		return err
	}
	if strings.TrimSpace(said) != "+PONG" {
		return fmt.Errorf("it says %q", strings.TrimSpace(said))
	}
	return nil
}
