package recorder

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// Port takes recordings, PagePort shows them: a policy can open the one and not the other.
const (
	Port     = 80
	PagePort = 8080
)

// Run serves on the node's tailnet address alone, as soon as it has one, until ctx ends.
func (s *Server) Run(ctx context.Context, address func(context.Context) (netip.Addr, error)) error {
	var now netip.Addr
	stop := func() {}
	defer func() {
		stop()
		s.runs.Wait()
	}()
	for {
		addr, err := address(ctx)
		if err == nil && addr != now {
			stop()
			if stop, err = s.listen(ctx, addr); err != nil {
				stop, now = func() {}, netip.Addr{}
				log.Printf("cannot listen on %s: %v (will try again)", addr, err)
			} else {
				now = addr
				log.Printf("recording on %s, port %d; shown on port %d", addr, Port, PagePort)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (s *Server) listen(ctx context.Context, addr netip.Addr) (stop func(), err error) {
	// A node that was switched off in the middle of a session says no goodbye: ask.
	config := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}}
	var open []*http.Server
	stop = func() {
		for _, h := range open {
			_ = h.Close() // what runs is cut, and kept so
		}
	}
	for port, handler := range map[uint16]http.Handler{Port: s.Uploads(), PagePort: s.Page()} {
		l, err := config.Listen(ctx, "tcp", netip.AddrPortFrom(addr, port).String())
		if err != nil {
			stop()
			return nil, err
		}
		h := Web(handler)
		open = append(open, h)
		go func() {
			if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				log.Printf("port %d: %v", port, err)
			}
		}()
	}
	return stop, nil
}

// Web is a server of HTTP/1.1, and of HTTP/2 without TLS: the tailnet encrypts.
func Web(h http.Handler) *http.Server {
	var both http.Protocols
	both.SetHTTP1(true)
	both.SetUnencryptedHTTP2(true)
	return &http.Server{Handler: h, Protocols: &both, ReadHeaderTimeout: 10 * time.Second,
		HTTP2: &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second}}
}
