package tailnet

import (
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/types/key"

	"homelab/cloud/exits"
)

func fresh() (*State, error) { return New("snow-burbot.ts.net", "alice@example.com", 2) }

func open(t *testing.T, dir string) *Tailnet {
	t.Helper()
	n, err := Open(dir, fresh)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// join lets a machine in and returns its node.
func join(t *testing.T, n *Tailnet, host string, tags ...string) *Node {
	t.Helper()
	var id tailcfg.NodeID
	must(t, n.Update(func(s *State) error {
		id = s.Join(Join{Machine: key.NewMachine().Public(), Key: key.NewNode().Public(), User: s.Owner().ID, Tags: tags,
			Hostinfo: &tailcfg.Hostinfo{Hostname: host, RoutableIPs: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/24")}}}, time.Now()).ID
		return nil
	}))
	return n.View().Nodes[id]
}

// asJSON compares states by what a file would hold.
func asJSON(t *testing.T, s *State) any {
	t.Helper()
	data, err := json.Marshal(s)
	must(t, err)
	var v any
	must(t, json.Unmarshal(data, &v))
	return v
}

func TestStateSurvives(t *testing.T) {
	dir := t.TempDir()
	n := open(t, dir)
	node := join(t, n, "quiz")
	must(t, n.Update(func(s *State) error {
		s.NewKey(Key{Kind: AuthKey, Reusable: true, Tags: []string{"tag:x"}, User: s.Owner().ID})
		s.LoginFor(Join{Machine: key.NewMachine().Public(), Hostinfo: &tailcfg.Hostinfo{Hostname: "phone"}}, time.Now())
		s.Remove(join(t, open(t, t.TempDir()), "gone").ID) // no such node: nothing
		s.DNS.Split = map[string][]netip.Addr{"vpc.internal": {netip.MustParseAddr("10.20.0.50")}}
		s.Texts["_acme-challenge.quiz"] = []string{"x"}
		return nil
	}))
	again := open(t, dir)
	if a, b := asJSON(t, n.View()), asJSON(t, again.View()); !reflect.DeepEqual(a, b) {
		t.Errorf("read   %v\nwritten %v", b, a)
	}
	if again.View().ByKey(node.Key).IPv4 != node.IPv4 || again.View().Policy() == nil {
		t.Error("the node or the policy is not what it was")
	}
	if st, err := os.Stat(filepath.Join(dir, FileName)); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the state's file: %v %v", st.Mode(), err)
	}
}

func TestReportsAreSavedSoon(t *testing.T) {
	dir := t.TempDir()
	n := open(t, dir)
	id := join(t, n, "quiz").ID
	n.Touch(func(s *State) {
		s.Heard(id, Report{Endpoints: []netip.AddrPort{netip.MustParseAddrPort("203.0.113.9:41641")}})
	})
	n.Flush()
	if e := open(t, dir).View().Nodes[id].Endpoints; len(e) != 1 {
		t.Errorf("end points after a restart: %v", e)
	}
}

// A change that cannot be saved is not made, and the old file is as it was.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	n := open(t, dir)
	join(t, n, "quiz")
	before, err := os.ReadFile(filepath.Join(dir, FileName))
	must(t, err)
	state := n.View()
	n.write = func(string, []byte, os.FileMode) error { return syscall.ENOSPC }
	err = n.Update(func(s *State) error { s.Domain = "other.ts.net"; s.Remove(s.Sorted()[0].ID); return nil })
	var full *SaveError
	if !errors.As(err, &full) || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v", err)
	}
	if n.View() != state || n.View().Domain != "snow-burbot.ts.net" || len(n.View().Nodes) != 1 {
		t.Error("the change shows")
	}
	after, err := os.ReadFile(filepath.Join(dir, FileName))
	must(t, err)
	if string(before) != string(after) {
		t.Error("the file has changed")
	}
}

func TestRefusedChangeIsNotMade(t *testing.T) {
	n := open(t, t.TempDir())
	id := join(t, n, "quiz").ID
	refused := errors.New("no")
	if err := n.Update(func(s *State) error { s.Edit(id).Label = "x"; s.Domain = "x"; return refused }); err != refused {
		t.Fatal(err)
	}
	if n.View().Domain == "x" || n.View().Nodes[id].Label == "x" {
		t.Error("the change shows")
	}
}

func TestUnusableState(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"empty":     {"", "it is damaged"},
		"cut off":   {`{"Schema": 1, "Domain": "snow`, "it is damaged"},
		"other":     {`[1, 2]`, "it is damaged"},
		"older":     {`{"Schema": 0}`, "it was written by an older version (schema 0; this version reads 1)"},
		"unmarked":  {`{"Domain": "x"}`, "it was written by an older version"},
		"newer":     {`{"Schema": 99}`, "it was written by a newer version (schema 99; this version reads 1)"},
		"no key":    {`{"Schema": 1, "Domain": "x"}`, "it is damaged"},
		"bad kinds": {`{"Schema": 1, "Nodes": 7}`, "it is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, FileName)
			must(t, os.WriteFile(file, []byte(tt.text), 0o600))
			_, err := Open(dir, fresh)
			if err == nil || exits.Status(err) != 3 || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "Hint: ") {
				t.Fatalf("status %d: %v", exits.Status(err), err)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
			if after, err := os.ReadFile(file); err != nil || string(after) != tt.text {
				t.Error("the file was touched")
			}
		})
	}
}

func TestStateFolderMissing(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "nowhere"), fresh)
	if exits.Status(err) != 3 {
		t.Fatalf("status %d: %v", exits.Status(err), err)
	}
}

// A process killed in the middle of a save leaves a stray file, and the old state.
func TestCrashWhileSaving(t *testing.T) {
	dir := t.TempDir()
	n := open(t, dir)
	must(t, os.WriteFile(filepath.Join(dir, "."+FileName+".123"), []byte(`{"Schema": 1, "Dom`), 0o600))
	if got := open(t, dir).View().Domain; got != n.View().Domain {
		t.Errorf("domain %q", got)
	}
}
