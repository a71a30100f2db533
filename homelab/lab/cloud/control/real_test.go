package control

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tailscale.com/derp/derpserver"
	"tailscale.com/net/stunserver"
	"tailscale.com/tailcfg"
	"tailscale.com/types/key"

	"homelab/cloud/policy"
	"homelab/cloud/tailnet"
)

// These tests run the real client, in userspace networking on loopback addresses, against our
// control plane: HOMELAB_TAILSCALE names a tailscaled that has the command line inside.

type lab struct {
	t      *testing.T
	net    *tailnet.Tailnet
	web    *httptest.Server
	wires  *wires
	relays *tailcfg.DERPMap
	binary string
	dir    string
}

func newLab(t *testing.T) *lab {
	t.Helper()
	binary := os.Getenv("HOMELAB_TAILSCALE")
	if binary == "" {
		t.Skip("HOMELAB_TAILSCALE names no tailscaled to try")
	}
	l := &lab{t: t, binary: binary, dir: t.TempDir()}
	l.open(filepath.Join(l.dir, "cloud"))
	l.relay()
	l.serve("127.0.0.1:0")
	t.Cleanup(func() { l.net.Close(); l.crash() })
	return l
}

func (l *lab) open(dir string) {
	l.t.Helper()
	must(l.t, os.MkdirAll(dir, 0o700))
	var err error
	l.net, err = tailnet.Open(dir, func() (*tailnet.State, error) { return tailnet.New("snow-burbot.ts.net", "alice@example.com", 2) })
	must(l.t, err)
}

// serve starts the control plane at the address, which may have been in use a moment ago.
func (l *lab) serve(addr string) {
	l.t.Helper()
	listener, err := listenSoon(addr)
	must(l.t, err)
	l.wires = &wires{Listener: listener}
	l.web = httptest.NewUnstartedServer(l.handler())
	l.web.Listener.Close()
	l.web.Listener = l.wires
	l.web.Start()
}

// crash ends the control plane as kill -9 would: all connections are cut.
func (l *lab) crash() {
	l.wires.cut()
	l.web.Close()
}

// wires is a listener that can cut all connections, also those that a handler has taken over.
type wires struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func (w *wires) Accept() (net.Conn, error) {
	c, err := w.Listener.Accept()
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.conns = append(w.conns, c)
	}
	return c, err
}

func (w *wires) cut() {
	w.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		c.Close()
	}
}

func (l *lab) handler() http.Handler {
	m := http.NewServeMux()
	New(l.net, l.relays, func() error { return nil }).Register(m)
	return m
}

// relay starts a relay on loopback, over plain HTTP.
func (l *lab) relay() {
	s := derpserver.New(key.NewNode(), func(string, ...any) {})
	m := http.NewServeMux()
	m.Handle("/derp", derpserver.Handler(s))
	m.HandleFunc("/derp/probe", derpserver.ProbeHandler)
	web := httptest.NewServer(m)
	l.t.Cleanup(func() { s.Close(); web.Close() })
	stun := stunserver.New(l.t.Context())
	must(l.t, stun.Listen("127.0.0.1:0"))
	go stun.Serve()
	l.relays = &tailcfg.DERPMap{OmitDefaultRegions: true, Regions: map[int]*tailcfg.DERPRegion{900: {RegionID: 900, RegionCode: "test", Nodes: []*tailcfg.DERPNode{
		{Name: "900a", RegionID: 900, HostName: "127.0.0.1", IPv4: "127.0.0.1", IPv6: "none", InsecureForTests: true, STUNTestIP: "127.0.0.1",
			DERPPort: web.Listener.Addr().(*net.TCPAddr).Port, STUNPort: stun.LocalAddr().(*net.UDPAddr).Port}}}}}
}

// machine is a running client.
type machine struct {
	l      *lab
	name   string
	dir    string
	daemon *exec.Cmd
}

func (l *lab) machine(name string) *machine {
	l.t.Helper()
	m := &machine{l: l, name: name, dir: filepath.Join(l.dir, name)}
	must(l.t, os.MkdirAll(m.dir, 0o700))
	must(l.t, os.Symlink(l.binary, filepath.Join(m.dir, "tailscale")))
	m.start()
	l.t.Cleanup(m.stop)
	return m
}

func (m *machine) start() {
	m.l.t.Helper()
	m.daemon = exec.Command(m.l.binary, "--tun=userspace-networking", "--no-logs-no-support", "--port=0",
		"--statedir="+m.dir, "--socket="+filepath.Join(m.dir, "s"))
	m.daemon.Env = append(os.Environ(), "TS_DEBUG_USE_DERP_HTTP=1")
	log, err := os.Create(filepath.Join(m.dir, "log"))
	must(m.l.t, err)
	m.daemon.Stdout, m.daemon.Stderr = log, log
	must(m.l.t, m.daemon.Start())
	log.Close()
	m.l.until("the socket of "+m.name, func() bool {
		_, err := os.Stat(filepath.Join(m.dir, "s"))
		return err == nil
	})
}

func (m *machine) stop() {
	_ = m.daemon.Process.Kill() // it may have ended by itself
	_, _ = m.daemon.Process.Wait()
}

func (m *machine) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(m.l.t.Context(), 20*time.Second)
	m.l.t.Cleanup(cancel)
	return exec.CommandContext(ctx, filepath.Join(m.dir, "tailscale"), append([]string{"--socket=" + filepath.Join(m.dir, "s")}, args...)...)
}

// try runs a command and returns what it printed.
func (m *machine) try(args ...string) (string, error) {
	out, err := m.command(args...).CombinedOutput()
	return string(out), err
}

func (m *machine) run(args ...string) string {
	m.l.t.Helper()
	out, err := m.try(args...)
	if err != nil {
		m.l.t.Fatalf("%s: tailscale %v: %v\n%s", m.name, args, err, out)
	}
	return out
}

func (m *machine) up(args ...string) (string, error) {
	return m.try(append([]string{"up", "--login-server=" + m.l.web.URL, "--hostname=" + m.name}, args...)...)
}

type status struct {
	BackendState, AuthURL string
	Self                  peer
	Peer                  map[string]peer
	CertDomains           []string
}

type peer struct {
	ID, HostName, DNSName string
	TailscaleIPs          []netip.Addr
	Tags                  []string
	Expired, Online       bool
	ExitNodeOption        bool
	PrimaryRoutes         []string
}

func (m *machine) status() (s status) {
	m.l.t.Helper()
	must(m.l.t, json.Unmarshal([]byte(m.run("status", "--json")), &s))
	return s
}

// sees is the peer of that name as m sees it, and whether it does.
func (m *machine) sees(name string) (peer, bool) {
	for _, p := range m.status().Peer {
		if strings.HasPrefix(p.DNSName, name+".") {
			return p, true
		}
	}
	return peer{}, false
}

func (l *lab) until(what string, f func() bool) {
	l.t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !f(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			l.t.Fatalf("waited 15 s in vain for: %s", what)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// key makes an auth key of the owner.
func (l *lab) key(k tailnet.Key) (secret string) {
	l.t.Helper()
	must(l.t, l.net.Update(func(s *tailnet.State) error {
		k.Kind, k.User = tailnet.AuthKey, s.Owner().ID
		_, secret = s.NewKey(k)
		return nil
	}))
	return "--auth-key=" + secret
}

func (l *lab) node(label string) *tailnet.Node {
	for _, n := range l.net.View().Nodes {
		if n.Label == label {
			return n
		}
	}
	return nil
}

func (l *lab) policy(text string) {
	l.t.Helper()
	p, err := policy.Parse([]byte(text))
	must(l.t, err)
	must(l.t, l.net.Update(func(s *tailnet.State) error { s.SetPolicy(text, p); return nil }))
}

// login runs `up` without a key and answers on the page.
func (m *machine) login(answer func(s *tailnet.State, token string), args ...string) (string, error) {
	m.l.t.Helper()
	cmd := m.command(append([]string{"up", "--login-server=" + m.l.web.URL, "--hostname=" + m.name}, args...)...)
	pipe, err := cmd.StdoutPipe()
	must(m.l.t, err)
	cmd.Stderr = cmd.Stdout
	must(m.l.t, cmd.Start())
	var out strings.Builder
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		out.WriteString(lines.Text() + "\n")
		if _, token, ok := strings.Cut(lines.Text(), LoginBase+"/a/"); ok {
			must(m.l.t, m.l.net.Update(func(s *tailnet.State) error { answer(s, token); return nil }))
		}
	}
	err = cmd.Wait()
	return out.String(), err
}

func ping(m *machine, to netip.Addr) error {
	out, err := m.try("ping", "--c=1", "--timeout=5s", "--until-direct=false", to.String())
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// listenSoon listens on an address that was in use a moment ago.
func listenSoon(addr string) (l net.Listener, err error) {
	for range 50 {
		if l, err = net.Listen("tcp", addr); err == nil {
			return l, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil, err
}
