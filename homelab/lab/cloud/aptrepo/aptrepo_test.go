package aptrepo

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"homelab/cloud/exits"
)

func build(t *testing.T) string {
	t.Helper()
	bin, out := t.TempDir(), filepath.Join(t.TempDir(), "www")
	if err := os.WriteFile(filepath.Join(bin, "tailscaled"), []byte("#!/bin/sh\necho odd\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Build(bin, "1.102.5", out); err != nil {
		t.Fatal(err)
	}
	return out
}

// tool runs a program of the system, or skips the test where it is not.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not here", name)
	}
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func read(t *testing.T, parts ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestDebIsReadByDpkg(t *testing.T) {
	deb := filepath.Join(build(t), "pkgs.tailscale.com/stable/ubuntu/pool/tailscale_1.102.5_"+Arch()+".deb")
	if got := tool(t, "dpkg-deb", "-f", deb, "Package", "Version", "Architecture"); got != "Package: tailscale\nVersion: 1.102.5\nArchitecture: "+Arch()+"\n" {
		t.Errorf("fields:\n%s", got)
	}
	list := tool(t, "dpkg-deb", "-c", deb)
	for _, want := range []string{"-rwxr-xr-x root/root", "./usr/sbin/tailscaled", "./usr/bin/tailscale -> ../sbin/tailscaled", "./etc/default/tailscaled", "./usr/lib/tailscale/start"} {
		if !strings.Contains(list, want) {
			t.Errorf("no %q in\n%s", want, list)
		}
	}
	dir := t.TempDir()
	tool(t, "dpkg-deb", "-R", deb, dir)
	if got := read(t, dir, "usr/sbin/tailscaled"); got != "#!/bin/sh\necho odd\n" {
		t.Errorf("the packed binary is %q", got)
	}
	if got := read(t, dir, "etc/default/tailscaled"); !strings.Contains(got, `PORT="41641"`) || !strings.Contains(got, `FLAGS="--no-logs-no-support"`) {
		t.Errorf("default file: %s", got)
	}
	for _, script := range []string{"DEBIAN/postinst", "DEBIAN/prerm", "usr/lib/tailscale/start", "usr/lib/tailscale/stop"} {
		tool(t, "sh", "-n", filepath.Join(dir, script))
		if st, err := os.Stat(filepath.Join(dir, script)); err != nil || st.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v %v", script, st.Mode(), err)
		}
	}
	if got := read(t, dir, "DEBIAN/conffiles"); got != "/etc/default/tailscaled\n" {
		t.Errorf("conffiles %q", got)
	}
}

func TestEveryReleaseVerifies(t *testing.T) {
	out := filepath.Join(build(t), "pkgs.tailscale.com/stable")
	for _, r := range releases {
		dir := filepath.Join(out, r.distro)
		dist := filepath.Join(dir, "dists", r.codename)
		tool(t, "gpgv", "--keyring", filepath.Join(dir, r.codename+".noarmor.gpg"), filepath.Join(dist, "InRelease"))
		if signed := read(t, dist, "InRelease"); !strings.Contains(signed, strings.TrimSpace(read(t, dist, "Release"))) {
			t.Errorf("%s: InRelease is not Release, signed", r.codename)
		}
		for _, name := range []string{"Packages", "Packages.gz"} {
			rel := "main/binary-" + Arch() + "/" + name
			data := read(t, dist, rel)
			if want := fmt.Sprintf(" %x %d %s\n", sha256.Sum256([]byte(data)), len(data), rel); !strings.Contains(read(t, dist, "Release"), want) {
				t.Errorf("%s: Release does not say%s", r.codename, want)
			}
		}
		index := read(t, dist, "main/binary-"+Arch()+"/Packages")
		_, file, _ := strings.Cut(index, "Filename: ")
		file, _, _ = strings.Cut(file, "\n")
		deb := read(t, dir, file)
		if !strings.Contains(index, fmt.Sprintf("Size: %d\nSHA256: %x\n", len(deb), sha256.Sum256([]byte(deb)))) {
			t.Errorf("%s: the index does not fit %s", r.codename, file)
		}
		if list := read(t, dir, r.codename+".tailscale-keyring.list"); !strings.Contains(list, "deb [signed-by=/usr/share/keyrings/tailscale-archive-keyring.gpg] https://pkgs.tailscale.com/stable/"+r.distro+" "+r.codename+" main\n") {
			t.Errorf("list: %s", list)
		}
	}
}

func TestForgedReleaseDoesNotVerify(t *testing.T) {
	dir := filepath.Join(build(t), "pkgs.tailscale.com/stable/ubuntu")
	forged := filepath.Join(t.TempDir(), "InRelease")
	if err := os.WriteFile(forged, []byte(strings.Replace(read(t, dir, "dists/noble/InRelease"), "noble", "nobel", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("gpgv"); err != nil {
		t.Skip("gpgv is not here")
	}
	if out, err := exec.Command("gpgv", "--keyring", filepath.Join(dir, "noble.noarmor.gpg"), forged).CombinedOutput(); err == nil || !strings.Contains(string(out), "BAD signature") {
		t.Errorf("%v\n%s", err, out)
	}
}

// A text that needs every rule of clear-signing: dashes at a line's start, blanks at its end.
func TestClearsign(t *testing.T) {
	s, err := newSigner()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{"ring": s.keyring(), "ring.asc": []byte(armor("PUBLIC KEY BLOCK", s.keyring())), "text": s.clearsign("- a\nb \t\n\n--c\nFrom d\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tool(t, "gpgv", "--keyring", filepath.Join(dir, "ring"), filepath.Join(dir, "text"))
	if shown := tool(t, "gpg", "--homedir", dir, "--batch", "--show-keys", filepath.Join(dir, "ring.asc")); !strings.Contains(shown, "ed25519") || !strings.Contains(shown, "Homelab Runbook lab archive") {
		t.Errorf("the armored key: %s", shown)
	}
}

func TestInstallScript(t *testing.T) {
	script := filepath.Join(build(t), "tailscale.com/install.sh")
	tool(t, "sh", "-n", script)
	if text := read(t, script); !strings.Contains(text, "The lab's stand-in") || !strings.HasSuffix(text, "\nmain\n") {
		t.Error("it does not say what it is, or a part of it would do something")
	}
	tool(t, "shellcheck", "-e", "SC1091", script) // os-release is the machine's
}

func TestNoBinary(t *testing.T) {
	out := filepath.Join(t.TempDir(), "www")
	if err := Build(t.TempDir(), "1", out); exits.Status(err) != 3 {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("something was written")
	}
}

func TestBuildReplaces(t *testing.T) {
	out := build(t)
	stray := filepath.Join(out, "stray")
	if err := os.WriteFile(stray, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "tailscaled"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Build(bin, "2", out); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stray); err == nil {
		t.Error("the old tree is still there")
	}
	left, err := os.ReadDir(filepath.Dir(out))
	if err != nil || len(left) != 1 {
		t.Errorf("beside it: %v %v", left, err)
	}
}
