package aptrepo

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"homelab/cloud/exits"
)

//go:embed files
var files embed.FS

// releases are the distributions that the repository claims to serve; every one gets the same
// package, which needs nothing but a kernel.
var releases = []struct{ distro, codename string }{
	{"ubuntu", "noble"}, {"ubuntu", "plucky"}, {"ubuntu", "questing"}, {"ubuntu", "resolute"},
	{"debian", "bookworm"}, {"debian", "trixie"}, {"debian", "forky"},
}

// Build writes the web tree into out: folders pkgs.tailscale.com and tailscale.com. binaries holds
// the tailscaled to be packed. A tree that is there is replaced only once the new one is complete.
func Build(binaries, version, out string) error {
	binary := filepath.Join(binaries, "tailscaled")
	if st, err := os.Stat(binary); err != nil || !st.Mode().IsRegular() {
		return exits.Missing("build it first", "there is no tailscaled in %s", binaries)
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return exits.Missing("choose a folder that you may write", "cannot make %s: %v", out, err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(out), ".www-*")
	if err != nil {
		return exits.Missing("choose a folder that you may write", "cannot write beside %s: %v", out, err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	if err := fill(tmp, binary, version); err != nil {
		return fmt.Errorf("cannot write the package pages: %w", err)
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	return os.Rename(tmp, out)
}

func fill(dir, binary, version string) error {
	s, err := newSigner()
	if err != nil {
		return err
	}
	stable := filepath.Join(dir, "pkgs.tailscale.com", "stable")
	pkg, err := tailscalePackage(binary, version)
	if err != nil {
		return err
	}
	var deb string
	for _, distro := range []string{"ubuntu", "debian"} {
		if deb, err = placeDeb(pkg, filepath.Join(stable, distro, "pool"), deb); err != nil {
			return err
		}
	}
	index, err := packagesIndex(pkg, deb)
	if err != nil {
		return err
	}
	for _, r := range releases {
		if err := writeRelease(filepath.Join(stable, r.distro), r.distro, r.codename, pkg.Arch, index, s); err != nil {
			return err
		}
	}
	for from, to := range map[string]string{
		"install.sh":     "tailscale.com/install.sh",
		"tailscale.html": "tailscale.com/index.html",
		"pkgs.html":      "pkgs.tailscale.com/index.html",
	} {
		data, err := files.ReadFile("files/" + from)
		if err != nil {
			return err
		}
		if err := write(filepath.Join(dir, to), data); err != nil {
			return err
		}
	}
	return nil
}

// placeDeb writes the package into a pool, or links it there if it was written already.
func placeDeb(pkg *Package, pool, already string) (string, error) {
	if err := os.MkdirAll(pool, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(pool, fmt.Sprintf("%s_%s_%s.deb", pkg.Name, pkg.Version, pkg.Arch))
	if already != "" {
		if err := os.Link(already, path); err == nil {
			return path, nil
		} else if errors.Is(err, os.ErrExist) {
			return "", err
		}
	}
	return path, pkg.WriteDeb(path)
}

func packagesIndex(pkg *Package, deb string) ([]byte, error) {
	f, err := os.Open(deb)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	size, err := io.Copy(h, f)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%sFilename: pool/%s\nSize: %d\nSHA256: %x\n\n", pkg.Control(), filepath.Base(deb), size, h.Sum(nil)), nil
}

func writeRelease(dir, distro, codename, arch string, index []byte, s *signer) error {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(index); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	dist := filepath.Join(dir, "dists", codename)
	base := "main/binary-" + arch + "/Packages"
	release := fmt.Appendf(nil, "Origin: Homelab Runbook lab\nLabel: Homelab Runbook lab\nSuite: %s\nCodename: %s\nDate: %s\nArchitectures: %s\nComponents: main\nDescription: a stand-in for pkgs.tailscale.com/stable/%s\nSHA256:\n",
		codename, codename, time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 UTC"), arch, distro)
	for _, f := range []struct {
		name string
		data []byte
	}{{base, index}, {base + ".gz", zipped.Bytes()}} {
		if err := write(filepath.Join(dist, f.name), f.data); err != nil {
			return err
		}
		release = fmt.Appendf(release, " %x %d %s\n", sha256.Sum256(f.data), len(f.data), f.name)
	}
	list := fmt.Sprintf("# The lab's stand-in for Tailscale's packages for %s %s\ndeb [signed-by=/usr/share/keyrings/tailscale-archive-keyring.gpg] https://pkgs.tailscale.com/stable/%s %s main\n", distro, codename, distro, codename)
	for name, data := range map[string][]byte{
		filepath.Join(dist, "Release"):                         release,
		filepath.Join(dist, "InRelease"):                       s.clearsign(string(release)),
		filepath.Join(dir, codename+".noarmor.gpg"):            s.keyring(),
		filepath.Join(dir, codename+".gpg"):                    []byte(armor("PUBLIC KEY BLOCK", s.keyring())),
		filepath.Join(dir, codename+".tailscale-keyring.list"): []byte(list),
	} {
		if err := write(name, data); err != nil {
			return err
		}
	}
	return nil
}

func write(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
