// Package aptrepo writes the lab's copy of pkgs.tailscale.com and tailscale.com: a signed apt
// repository with one package, and the install script.
package aptrepo

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
)

// Package is a Debian package to be written.
type Package struct {
	Name, Version, Arch string
	Description         string
	InstalledKiB        int64
	Files               []File
	Conffiles           []string
	PostInst, PreRm     string
}

// File is one entry of a package: contents from Data or, if set, from the file Source.
type File struct {
	Path   string // absolute
	Mode   int64
	Data   []byte
	Source string
	Link   string // the target, if it is a symbolic link
}

// Arch is Debian's name of this machine's architecture.
func Arch() string {
	if runtime.GOARCH == "arm" {
		return "armhf"
	}
	return runtime.GOARCH
}

// Control is the package's paragraph, as in the package itself and in a repository's index.
func (p *Package) Control() string {
	return fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: Homelab Runbook's lab <lab@example.com>\nInstalled-Size: %d\nSection: net\nPriority: optional\nDescription: %s\n",
		p.Name, p.Version, p.Arch, p.InstalledKiB, p.Description)
}

// fixed makes the same files from the same input.
var fixed = time.Unix(1_700_000_000, 0).UTC()

// WriteDeb writes the package, its members not compressed: writing and installing are then a copy.
func (p *Package) WriteDeb(path string) error {
	control, err := p.controlTar()
	if err != nil {
		return err
	}
	data, err := p.dataTar()
	if err != nil {
		return err
	}
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.WriteString(out, "!<arch>\n"); err != nil {
		return err
	}
	for _, m := range []struct {
		name string
		data []byte
	}{{"debian-binary", []byte("2.0\n")}, {"control.tar", control}, {"data.tar", data}} {
		if err := arMember(out, m.name, m.data); err != nil {
			return err
		}
	}
	return out.Close()
}

func arMember(w io.Writer, name string, data []byte) error {
	if _, err := fmt.Fprintf(w, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", name, fixed.Unix(), 0, 0, "100644", len(data)); err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	if len(data)%2 == 1 {
		_, err := io.WriteString(w, "\n")
		return err
	}
	return nil
}

func (p *Package) controlTar() ([]byte, error) {
	files := []File{{Path: "/control", Mode: 0o644, Data: []byte(p.Control())}}
	if len(p.Conffiles) > 0 {
		files = append(files, File{Path: "/conffiles", Mode: 0o644, Data: []byte(strings.Join(p.Conffiles, "\n") + "\n")})
	}
	if p.PostInst != "" {
		files = append(files, File{Path: "/postinst", Mode: 0o755, Data: []byte(p.PostInst)})
	}
	if p.PreRm != "" {
		files = append(files, File{Path: "/prerm", Mode: 0o755, Data: []byte(p.PreRm)})
	}
	return tarOf(files)
}

func (p *Package) dataTar() ([]byte, error) { return tarOf(p.Files) }

func tarOf(files []File) ([]byte, error) {
	var buf bytes.Buffer
	t := tar.NewWriter(&buf)
	made := map[string]bool{}
	for _, f := range files {
		for i, c := range f.Path {
			if dir := f.Path[:i]; c == '/' && !made[dir] {
				made[dir] = true
				if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "." + dir + "/", Mode: 0o755, ModTime: fixed, Uname: "root", Gname: "root", Format: tar.FormatGNU}); err != nil {
					return nil, err
				}
			}
		}
		if err := tarFile(t, f); err != nil {
			return nil, err
		}
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func tarFile(t *tar.Writer, f File) error {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: "." + f.Path, Mode: f.Mode, ModTime: fixed, Uname: "root", Gname: "root", Format: tar.FormatGNU}
	if f.Link != "" {
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, f.Link, 0o777
		return t.WriteHeader(h)
	}
	data := f.Data
	if f.Source != "" {
		var err error
		if data, err = os.ReadFile(f.Source); err != nil {
			return err
		}
	}
	h.Size = int64(len(data))
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	_, err := t.Write(data)
	return err
}
