package keep

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"homelab/cloud/dnsd"
	"homelab/cloud/exits"
)

var anyPort = netip.MustParseAddrPort("127.0.0.1:0")

func start(t *testing.T) (path string, records *dnsd.Records, stop func()) {
	t.Helper()
	path, records = filepath.Join(t.TempDir(), SocketName), dnsd.NewRecords(nil)
	l, err := Serve(path, records)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return path, records, func() { l.Close() }
}

// freePort is an address on which nobody listens.
func freePort(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", anyPort.String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func TestRecordsOutliveTheirSource(t *testing.T) {
	path, records, _ := start(t)
	c := NewClient(path)
	if err := c.Push(dnsd.Set{A: map[string][]netip.Addr{"a.lab": {anyPort.Addr()}}}); err != nil {
		t.Fatal(err)
	}
	c.conn.Close() // as if the process had died
	if _, _, known := records.Lookup("a.lab"); !known {
		t.Error("forgotten")
	}
}

// A client that connects while nobody accepts is served by the next process.
func TestConnectionsWaitForTheNext(t *testing.T) {
	path, _, _ := start(t)
	addr := freePort(t)
	first, err := NewClient(path).Listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	first.Close() // the process dies
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatalf("refused while nobody was there: %v", err)
	}
	defer conn.Close()
	second, err := NewClient(path).Listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	served, err := second.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(served, "hello"); err != nil {
		t.Fatal(err)
	}
	served.Close()
	if got, _ := io.ReadAll(conn); string(got) != "hello" {
		t.Errorf("got %q", got)
	}
}

func TestReleasedSocketsRefuse(t *testing.T) {
	path, _, _ := start(t)
	addr, c := freePort(t), NewClient(path)
	l, err := c.Listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c.Release()
	if conn, err := net.Dial("tcp", addr.String()); err == nil {
		conn.Close()
		t.Error("accepted after an orderly stop")
	}
}

func TestPortOfSomebodyElse(t *testing.T) {
	path, _, _ := start(t)
	other, err := net.Listen("tcp", anyPort.String())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_, err = NewClient(path).Listen(other.Addr().(*net.TCPAddr).AddrPort())
	var no *refusal
	if !errors.As(err, &no) {
		t.Errorf("got %v", err)
	}
}

func TestWithoutTheOtherProcess(t *testing.T) {
	c := NewClient(filepath.Join(t.TempDir(), SocketName))
	if err := c.Push(dnsd.Set{}); err == nil {
		t.Error("nobody was told, and no error")
	}
	l, err := c.Listen(anyPort)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// A restarted DNS process is told again.
func TestTellsAgain(t *testing.T) {
	path, _, stop := start(t)
	c := NewClient(path)
	if err := c.Push(dnsd.Set{A: map[string][]netip.Addr{"a.lab": {anyPort.Addr()}}}); err != nil {
		t.Fatal(err)
	}
	stop()
	c.conn.Close()
	fresh := dnsd.NewRecords(nil)
	l, err := Serve(path, fresh)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go c.Stay(t.Context())
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, _, known := fresh.Lookup("a.lab"); known {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("not told within 10 s")
		}
	}
}

func TestTwoDNSProcesses(t *testing.T) {
	path, records, _ := start(t)
	if _, err := Serve(path, records); exits.Status(err) != 3 {
		t.Errorf("got %v", err)
	}
}
