package relay

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"homelab/cloud/localapi"
)

const name = "quiz.snow-burbot.ts.net"

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// node plays a node's door, and its web server behind it.
func node(t *testing.T, web *httptest.Server, answer string) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil || r.URL.Path != "/v0/ingress" || !strings.HasPrefix(r.Header.Get("Tailscale-Ingress-Src"), "127.0.0.1:") ||
					!strings.HasPrefix(r.Header.Get("Tailscale-Ingress-Target"), name+":") {
					fmt.Fprint(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
					return
				}
				fmt.Fprint(c, answer)
				b, err := net.Dial("tcp", web.Listener.Addr().String())
				if err != nil {
					return
				}
				defer b.Close()
				go func() {
					_, _ = io.Copy(b, c) // the visitor's end
					_ = b.(*net.TCPConn).CloseWrite()
				}()
				_, _ = io.Copy(c, b) // the server's end
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

const welcome = "HTTP/1.1 101 Switching Protocols\r\n\r\n"

// start starts a relay that knows one node.
func start(t *testing.T, door netip.AddrPort) (addr, seen string) {
	t.Helper()
	status := func(context.Context) (*localapi.Status, error) {
		return &localapi.Status{Peer: map[string]localapi.Node{"k": {DNSName: name + ".", PeerAPIURL: []string{"http://" + door.String()}}}}, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	dir := t.TempDir()
	go func() { _ = New(NewPeers(status), &Seen{Dir: dir}).Serve(l) }() // ends with the listener
	return l.Addr().String(), dir
}

func client(web *httptest.Server, relay string) *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{RootCAs: web.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, ServerName: name},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", relay)
		}}}
}

// pages is a TLS server whose certificate is the test's own; the visitor checks it, not the name.
func pages(t *testing.T, body string) *httptest.Server {
	t.Helper()
	web := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, body) }))
	t.Cleanup(web.Close)
	return web
}

func visit(web *httptest.Server, relay string) (string, error) {
	c := client(web, relay)
	tr := c.Transport.(*http.Transport)
	// httptest's certificate is for example.com: ask for the node, verify that.
	roots := tr.TLSClientConfig.RootCAs
	tr.TLSClientConfig = &tls.Config{ServerName: name, InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error {
		_, err := s.PeerCertificates[0].Verify(verifyOptions(roots))
		return err
	}}
	res, err := c.Get("https://" + name + "/")
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return string(text), err
}

func TestVisitorsReachTheNode(t *testing.T) {
	body := strings.Repeat("the secret of the quiz ", 5000) // more than is kept
	web := pages(t, body)
	relay, seen := start(t, node(t, web, welcome))
	if got, err := visit(web, relay); err != nil || got != body {
		t.Fatalf("%d bytes of %d, %v", len(got), len(body), err)
	}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		there, err1 := os.ReadFile(filepath.Join(seen, "there.bytes"))
		back, err2 := os.ReadFile(filepath.Join(seen, "back.bytes"))
		if err1 == nil && err2 == nil {
			if len(there) < 100 || len(back) != seenBytes || !strings.Contains(string(there), name) {
				t.Errorf("seen: %d and %d bytes", len(there), len(back))
			}
			if strings.Contains(string(there), "GET /") || strings.Contains(string(back), "secret") {
				t.Error("the relay can read it")
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err1, err2)
		}
	}
}

func TestManyVisitors(t *testing.T) {
	web := pages(t, "hello")
	relay, _ := start(t, node(t, web, welcome))
	var wg sync.WaitGroup
	failed := make(chan error, 50)
	for range 50 {
		wg.Go(func() {
			for range 4 {
				if got, err := visit(web, relay); err != nil || got != "hello" {
					failed <- fmt.Errorf("%q %w", got, err)
					return
				}
			}
		})
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
}

// Who asks for what is not shown, or says no TLS, is hung up on.
func TestRefused(t *testing.T) {
	web := pages(t, "hello")
	closed, _ := start(t, node(t, web, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"))
	if _, err := visit(web, closed); !errors.Is(err, io.EOF) {
		t.Errorf("the node's no: %v", err)
	}
	relay, _ := start(t, node(t, web, welcome))
	c, err := tls.Dial("tcp", relay, &tls.Config{ServerName: "other.snow-burbot.ts.net", InsecureSkipVerify: true})
	if err == nil {
		c.Close()
		t.Error("an unknown name was served")
	}
	raw, err := net.Dial("tcp", relay)
	must(t, err)
	defer raw.Close()
	_, err = io.WriteString(raw, "GET / HTTP/1.1\r\n\r\n")
	must(t, err)
	must(t, raw.SetReadDeadline(time.Now().Add(5*time.Second)))
	if _, err := raw.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("plain text: %v", err)
	}
}

func verifyOptions(roots *x509.CertPool) x509.VerifyOptions {
	return x509.VerifyOptions{Roots: roots, DNSName: "example.com"}
}
