// Package serve runs one HTTP server the way a container wants it: SIGTERM ends it in good order,
// and the same program can ask itself whether it is healthy (images of ours have no curl).
package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// grace is how long open requests may take after SIGTERM; docker stop waits 10 seconds.
const grace = 5 * time.Second

// Listen is the address to serve at: HOMELAB_LISTEN, else every address at port.
func Listen(port string) string {
	if at := os.Getenv("HOMELAB_LISTEN"); at != "" {
		return at
	}
	return ":" + port
}

// Until serves handler at address until SIGTERM, SIGINT or the end of ctx.
func Until(ctx context.Context, address string, handler http.Handler, ready func(net.Addr)) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	ready(listener.Addr())
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	late, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := server.Shutdown(late); errors.Is(err, context.DeadlineExceeded) {
		return server.Close() // somebody is watching a film: that connection is cut
	} else if err != nil {
		return err
	}
	return nil
}

// Healthcheck asks the server at address for path and returns the exit status: 0 when it answers 200 with want in it.
func Healthcheck(address, path, want string) int {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "127.0.0.1"
	}
	client := http.Client{Timeout: 3 * time.Second}
	answer, err := client.Get("http://" + net.JoinHostPort(host, port) + path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer answer.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	fmt.Println(strings.TrimSpace(string(said)))
	if answer.StatusCode != http.StatusOK || !strings.Contains(string(said), want) {
		return 1
	}
	return 0
}
