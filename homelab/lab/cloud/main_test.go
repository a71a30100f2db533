package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"homelab/cloud/rootca"
)

// TestMain lets the test's own program play `cloud`, so that exit statuses and kill -9 are real.
func TestMain(m *testing.M) {
	if os.Getenv("PLAY_CLOUD") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func program(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, os.Args[0], args...)
	c.Env = append(os.Environ(), "PLAY_CLOUD=1")
	return c
}

// world is a cloud on loopback addresses that nobody else uses.
type world struct {
	t     *testing.T
	dir   string
	dns   *exec.Cmd
	serve *exec.Cmd
}

const ip, relays, dnsAddr = "127.83.71.2", "127.83.71.3,127.83.71.4", "127.83.71.53"

func newWorld(t *testing.T) *world {
	t.Helper()
	l, err := net.Listen("tcp", ip+":443")
	if errors.Is(err, syscall.EACCES) {
		t.Skip("port 443 needs root here")
	}
	must(t, err)
	l.Close()
	w := &world{t: t, dir: t.TempDir()}
	must(t, os.Mkdir(w.path("state"), 0o700))
	must(t, os.Mkdir(w.path("bin"), 0o700))
	must(t, os.WriteFile(w.path("bin", "tailscaled"), []byte("x"), 0o755))
	must(t, runCA(t.Context(), []string{"--dir", w.path("ca")}))
	must(t, runRepo(t.Context(), []string{"--tailscale", w.path("bin"), "--version", "1.102.5", "--out", w.path("www")}))
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) path(parts ...string) string {
	return filepath.Join(append([]string{w.dir}, parts...)...)
}

func (w *world) serveArgs() []string {
	return []string{"serve", "--state", w.path("state"), "--ca", w.path("ca"), "--www", w.path("www"), "--ip", ip, "--derp", relays, "--dns", dnsAddr,
		"--domain", "snow-burbot.ts.net", "--owner", "alice@example.com", "--api-key", "tskey-api-lab", "--auth-key", "tskey-auth-lab"}
}

// start runs a command until the test ends, and waits for its socket.
func (w *world) start(socket string, args ...string) *exec.Cmd {
	w.t.Helper()
	c := program(context.Background(), args...)
	var log bytes.Buffer
	c.Stderr = &log
	must(w.t, c.Start())
	w.t.Cleanup(func() { kill(c) })
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if conn, err := net.Dial("unix", w.path("state", socket)); err == nil {
			conn.Close()
			return c
		}
		if time.Now().After(deadline) {
			kill(c)
			w.t.Fatalf("%s does not take connections after 20 s; the program says: %s", socket, &log)
		}
	}
}

func kill(c *exec.Cmd) {
	_ = c.Process.Kill() // it may have ended
	_ = c.Wait()
}

func (w *world) startAll() {
	w.t.Helper()
	w.dns = w.start("dns.sock", "dns", "--state", w.path("state"), "--listen", dnsAddr, "--record", "example.com=127.83.71.9")
	w.serve = w.start("admin.sock", w.serveArgs()...)
}

// client resolves names by our DNS, and trusts our root only.
func (w *world) client() *http.Client {
	w.t.Helper()
	root, err := rootca.Load(w.path("ca"))
	must(w.t, err)
	pool := x509.NewCertPool()
	pool.AddCert(root.Cert)
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, dnsAddr+":53")
	}}
	return &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: (&net.Dialer{Resolver: resolver}).DialContext, TLSClientConfig: &tls.Config{RootCAs: pool}}}
}

func (w *world) get(url string) (string, error) {
	r, err := http.NewRequest("GET", url, nil)
	must(w.t, err)
	r.Header.Set("Authorization", "Bearer tskey-api-lab")
	res, err := w.client().Do(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.Status + " " + string(text), err
}

func TestEveryNameAnswers(t *testing.T) {
	w := newWorld(t)
	w.startAll()
	for url, want := range map[string]string{
		"https://controlplane.tailscale.com/key?v=140":                     `"publicKey":"mkey:`,
		"https://headscale.lab/key?v=140":                                  `"publicKey":"mkey:`,
		"http://controlplane.tailscale.com/generate_204":                   "204 ",
		"https://login.tailscale.com/admin/machines":                       "No machine yet",
		"https://headscale.lab/admin/machines":                             "No machine yet",
		"https://api.tailscale.com/api/v2/tailnet/-/devices":               `{"devices":[]}`,
		"https://tailscale.com/install.sh":                                 "The lab's stand-in",
		"https://tailscale.com/":                                           "You are in the lab",
		"https://pkgs.tailscale.com/stable/ubuntu/noble.noarmor.gpg":       "200 OK",
		"https://pkgs.tailscale.com/stable/ubuntu/dists/noble/InRelease":   "BEGIN PGP SIGNED MESSAGE",
		"https://acme-v02.api.letsencrypt.org/directory":                   "newOrder",
		"https://whatismyip.lab/":                                          "200 OK 127.0.0.1\n",
		"http://whatismyip.lab/":                                           "200 OK 127.0.0.1\n",
		"https://miniflux.app/feed.xml":                                    "<title>A reader that does not watch you</title>",
		"https://miniflux.app/":                                            "404 ",
		"https://derp1.lab/derp/probe":                                     "200 OK",
		"https://derp2.lab/derp/latency-check":                             "200 OK",
		"http://derp2.lab/generate_204":                                    "204 ",
		"https://derp1.lab/bootstrap-dns?q=controlplane.tailscale.com":     `{"controlplane.tailscale.com":["` + ip + `"]}`,
		"https://login.tailscale.com/a/nope":                               "404 ",
		"http://" + ip + "/key?v=140":                                      `"publicKey":"mkey:`,
		"https://pkgs.tailscale.com/../../ca/root.key":                     "404 ",
		"https://api.tailscale.com/api/v2/tailnet/-/dns/preferences":       `{"magicDNS":true}`,
		"https://api.tailscale.com/api/v2/tailnet/-/settings":              `"httpsEnabled":false`,
		"https://api.tailscale.com/api/v2/tailnet/snow-burbot.ts.net/keys": `"id":"klabauthCNTRL"`,
	} {
		if got, err := w.get(url); err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: %v: no %q in %.300s", url, err, want, got)
		}
	}
	if _, err := w.get("https://derp3.lab/"); err == nil {
		t.Error("a name that nobody has is answered")
	}
}

// After kill -9 names are still answered, callers wait, and the next process serves them.
func TestCrash(t *testing.T) {
	w := newWorld(t)
	w.startAll()
	key, err := w.get("https://controlplane.tailscale.com/key?v=140")
	must(t, err)
	kill(w.serve)
	answer := make(chan string, 1)
	go func() {
		got, err := w.get("https://controlplane.tailscale.com/key?v=140")
		if err != nil {
			got = err.Error()
		}
		answer <- got
	}()
	select {
	case got := <-answer:
		t.Fatalf("answered by nobody: %s", got)
	case <-time.After(300 * time.Millisecond):
	}
	w.serve = w.start("admin.sock", w.serveArgs()...)
	if got := <-answer; got != key {
		t.Errorf("before %s, after %s", key, got)
	}
	if got, err := net.DefaultResolver.LookupHost(t.Context(), ip); err != nil || len(got) != 1 {
		t.Errorf("%v %v", got, err)
	}
}

// After an orderly stop callers are refused at once.
func TestOrderlyStop(t *testing.T) {
	w := newWorld(t)
	w.startAll()
	must(t, w.serve.Process.Signal(syscall.SIGTERM))
	if err := w.serve.Wait(); err != nil {
		t.Errorf("status after SIGTERM: %v", err)
	}
	if _, err := w.get("https://controlplane.tailscale.com/key?v=140"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v", err)
	}
}

func TestExitStatus(t *testing.T) {
	w := newWorld(t)
	old := `{"Schema": 0, "Domain": "snow-burbot.ts.net"}`
	without := func(flag string) []string {
		args := w.serveArgs()
		for i, a := range args {
			if a == flag {
				return append(args[:i:i], args[i+2:]...)
			}
		}
		t.Fatalf("no %s", flag)
		return nil
	}
	with := func(flag, value string) []string { return append(without(flag), flag, value) }
	busy, err := net.Listen("tcp", "127.83.71.99:443")
	must(t, err)
	defer busy.Close()
	must(t, os.Mkdir(w.path("old"), 0o700))
	must(t, os.WriteFile(w.path("old", "state.json"), []byte(old), 0o600))
	for name, tt := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"no command":      {nil, 2, "usage: cloud"},
		"no such":         {[]string{"x"}, 2, "usage: cloud"},
		"flag missing":    {without("--ca"), 2, "cloud serve: --ca is missing"},
		"left over":       {append(w.serveArgs(), "x"), 2, `what is "x" for?`},
		"bad address":     {with("--ip", "x"), 3, `cloud serve: --ip: "x" is no address`},
		"CA missing":      {with("--ca", w.path("none")), 3, "the lab's CA is not usable"},
		"pages missing":   {with("--www", w.path("none")), 3, "run `cloud repo` first"},
		"state missing":   {with("--state", w.path("none")), 3, "cannot use the state folder"},
		"state is older":  {with("--state", w.path("old")), 3, "it was written by an older version (schema 0; this version reads 1). Hint: "},
		"address in use":  {with("--ip", "127.83.71.99"), 3, "address already in use. Hint: "},
		"not our address": {with("--ip", netip.MustParseAddr("203.0.113.77").String()), 3, "cannot assign requested address"},
		"too many relays": {with("--derp", "127.83.71.3,127.83.71.4,127.83.71.5"), 3, "2 relay regions"},
		"bad owner":       {with("--owner", "alice"), 3, `"alice" is not an email address`},
		"no binary":       {[]string{"repo", "--tailscale", w.path("none"), "--version", "1", "--out", w.path("w")}, 3, "there is no tailscaled"},
		"bad record":      {[]string{"dns", "--state", w.path("state"), "--listen", dnsAddr, "--record", "x"}, 2, "write NAME=IP"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			c := program(ctx, tt.args...)
			var said bytes.Buffer
			c.Stderr = &said
			_ = c.Run() // its status is what we look at
			if got := c.ProcessState.ExitCode(); got != tt.status || !strings.Contains(said.String(), tt.want) {
				t.Errorf("status %d, want %d: %s", got, tt.status, &said)
			}
			if tt.status == 3 && strings.Count(said.String(), "\n") != 1 {
				t.Errorf("not one line: %s", &said)
			}
		})
	}
	if got, err := os.ReadFile(w.path("old", "state.json")); err != nil || string(got) != old {
		t.Error("the old state was touched")
	}
	w.startAll()
	c := program(t.Context(), w.serveArgs()...)
	out, _ := c.CombinedOutput()
	if c.ProcessState.ExitCode() != 3 || !strings.Contains(string(out), "another cloud already uses") {
		t.Errorf("a second one: %d: %s", c.ProcessState.ExitCode(), out)
	}
}
