package aptrepo

import "os"

// tailscalePackage packs the given tailscaled, which is the command line too.
func tailscalePackage(binary, version string) (*Package, error) {
	st, err := os.Stat(binary)
	if err != nil {
		return nil, err
	}
	p := &Package{
		Name: "tailscale", Version: version, Arch: Arch(),
		Description:  "Tailscale, as built by Homelab Runbook for its lab",
		InstalledKiB: st.Size() / 1024,
		Conffiles:    []string{"/etc/default/tailscaled"},
	}
	for _, f := range []struct {
		path, from string
		mode       int64
	}{
		{"/etc/default/tailscaled", "default", 0o644},
		{"/usr/lib/tailscale/start", "start", 0o755},
		{"/usr/lib/tailscale/stop", "stop", 0o755},
	} {
		data, err := files.ReadFile("files/" + f.from)
		if err != nil {
			return nil, err
		}
		p.Files = append(p.Files, File{Path: f.path, Mode: f.mode, Data: data})
	}
	p.Files = append(p.Files,
		File{Path: "/usr/sbin/tailscaled", Mode: 0o755, Source: binary},
		File{Path: "/usr/bin/tailscale", Link: "../sbin/tailscaled"})
	for from, to := range map[string]*string{"postinst": &p.PostInst, "prerm": &p.PreRm} {
		data, err := files.ReadFile("files/" + from)
		if err != nil {
			return nil, err
		}
		*to = string(data)
	}
	return p, nil
}
