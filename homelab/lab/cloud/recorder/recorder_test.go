package recorder

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tailscale.com/sessionrecording"
	"tailscale.com/tailcfg"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rig is a recorder on loopback.
type rig struct {
	t     *testing.T
	dir   string
	store *Store
	web   *http.Server
	at    netip.AddrPort
}

func start(t *testing.T, way func(http.Handler) http.Handler) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir()}
	var err error
	r.store, err = Open(r.dir)
	must(t, err)
	s := New(r.store, func(context.Context, netip.AddrPort) (string, error) { return "Tequila.snow-burbot.ts.net", nil })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	r.at, r.web = l.Addr().(*net.TCPAddr).AddrPort(), Web(way(s.Uploads()))
	go func() { _ = r.web.Serve(l) }() // ends with the test
	t.Cleanup(func() { r.web.Close(); s.runs.Wait() })
	return r
}

// connect is what a node's SSH server does, with its own code.
func (r *rig) connect() (io.WriteCloser, <-chan error) {
	r.t.Helper()
	w, _, failed, err := sessionrecording.ConnectToRecorder(r.t.Context(), []netip.AddrPort{r.at}, new(net.Dialer).DialContext)
	must(r.t, err)
	line, err := json.Marshal(sessionrecording.CastHeader{Version: 2, Timestamp: 7, Command: "id", SrcNode: "phone.x", SrcNodeID: tailcfg.StableNodeID("n1"), SSHUser: "root", LocalUser: "root"})
	must(r.t, err)
	r.write(w, string(line)+"\n")
	return w, failed
}

func (r *rig) write(w io.Writer, text string) {
	r.t.Helper()
	_, err := io.WriteString(w, text)
	must(r.t, err)
}

func (r *rig) until(what string, ok func(e Entry) bool) Entry {
	r.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		list, err := r.store.List()
		must(r.t, err)
		if len(list) == 1 && ok(list[0]) {
			return list[0]
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("waited in vain for %s: %+v", what, list)
		}
	}
}

func both(h http.Handler) http.Handler { return h }

// onlyOld is a recorder of former days.
func onlyOld(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v2/") {
			http.NotFound(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

var ways = map[string]func(http.Handler) http.Handler{"acknowledging": both, "older": onlyOld}

func TestRealClient(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			r := start(t, way)
			w, failed := r.connect()
			r.write(w, "[0.5,\"o\",\"one\"]\n")
			e := r.until("the first output", func(e Entry) bool { return e.Seconds == 0.5 })
			if e.State != "running" || e.Host != "tequila" || !strings.HasSuffix(e.Name, running) {
				t.Errorf("while it runs: %+v", e)
			}
			r.write(w, "[2.25,\"o\",\"two\"]\n")
			must(t, w.Close())
			if err := <-failed; err != nil {
				t.Errorf("the client says %v", err)
			}
			e = r.until("its end", func(e Entry) bool { return e.State == "whole" })
			var h sessionrecording.CastHeader
			must(t, json.Unmarshal(e.Header, &h))
			if h.Command != "id" || h.SrcNode != "phone.x" || h.LocalUser != "root" || e.Seconds != 2.25 {
				t.Errorf("%+v", e)
			}
			text, err := os.ReadFile(filepath.Join(r.dir, e.Name))
			must(t, err)
			if lines := strings.Split(string(text), "\n"); len(lines) != 4 || lines[2] != `[2.25,"o","two"]` {
				t.Errorf("%q", text)
			}
		})
	}
}

// The recorder goes in the middle of a session: the client learns it, and what came is kept.
func TestRecorderGoes(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			r := start(t, way)
			w, failed := r.connect()
			r.write(w, "[1,\"o\",\"one\"]\n")
			r.until("the first output", func(e Entry) bool { return e.Seconds == 1 })
			must(t, r.web.Close())
			go func() { // in the older way a client notices when it has something to send
				for _, err := io.WriteString(w, "[2,\"o\",\"two\"]\n"); err == nil; _, err = io.WriteString(w, "[2,\"o\",\"two\"]\n") {
					time.Sleep(10 * time.Millisecond)
				}
			}()
			if err := <-failed; err == nil {
				t.Error("the client was told that all is well")
			}
			r.until("the cut", func(e Entry) bool { return e.State == "cut" && e.Seconds == 1 })
		})
	}
}

// The node goes in the middle of a line: whole lines are kept.
func TestNodeGoes(t *testing.T) {
	r := start(t, both)
	conn, err := net.Dial("tcp", r.at.String())
	must(t, err)
	r.write(conn, "POST /record HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1d\r\n{\"version\":2}\n[1,\"o\",\"x\"]\n[2\r\n")
	r.until("the first lines", func(e Entry) bool { return e.Seconds == 1 })
	conn.Close()
	e := r.until("the cut", func(e Entry) bool { return e.State == "cut" })
	if text, err := os.ReadFile(filepath.Join(r.dir, e.Name)); err != nil || string(text) != "{\"version\":2}\n[1,\"o\",\"x\"]\n" {
		t.Errorf("%q %v", text, err)
	}
}

// A killed recorder leaves what came; the next one says that it was cut.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	must(t, err)
	rec, err := s.Begin("tequila", time.Now())
	must(t, err)
	_, err = rec.Write([]byte("{\"version\":2}\n[3,\"o\",\"x\"]\n[4"))
	must(t, err)
	next, err := Open(dir)
	must(t, err)
	list, err := next.List()
	must(t, err)
	if len(list) != 1 || list[0].State != "cut" || list[0].Seconds != 3 {
		t.Errorf("%+v", list)
	}
}

func TestHostileClients(t *testing.T) {
	s, err := Open(t.TempDir())
	must(t, err)
	rec, err := s.Begin("../../etc", time.Now())
	must(t, err)
	if host := filepath.Dir(rec.Name); host != "etc" {
		t.Errorf("the folder is %q", host)
	}
	for range longestLine / (1 << 20) {
		_, err = rec.Write(make([]byte, 1<<20))
		must(t, err)
	}
	if _, err := rec.Write([]byte("x")); err == nil {
		t.Error("an endless line was taken")
	}
	for _, name := range []string{"../x.cast", "/etc/passwd", "etc/../../x.cast", "x"} {
		if _, err := s.Open(name); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
