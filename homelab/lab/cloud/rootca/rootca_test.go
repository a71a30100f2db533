package rootca

import (
	"crypto/x509"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"homelab/cloud/exits"
)

func TestEnsureOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	var wg sync.WaitGroup
	roots := make([]*Root, 8)
	for i := range roots {
		wg.Go(func() {
			if err := Ensure(dir); err != nil {
				t.Error(err)
				return
			}
			var err error
			if roots[i], err = Load(dir); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, r := range roots {
		if r == nil || !r.Cert.Equal(roots[0].Cert) {
			t.Fatal("two callers got different roots")
		}
	}
	st, err := os.Stat(filepath.Join(dir, keyFile))
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v %v", st, err)
	}
}

func TestServerCertificateVerifies(t *testing.T) {
	dir := t.TempDir()
	if err := Ensure(dir); err != nil {
		t.Fatal(err)
	}
	root, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := root.Server([]string{"login.tailscale.com", "derp1.lab"}, []netip.Addr{netip.MustParseAddr("203.0.113.2")})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root.Cert)
	for _, name := range []string{"login.tailscale.com", "derp1.lab", "203.0.113.2"} {
		if _, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: pool}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: "example.com", Roots: pool}); err == nil {
		t.Error("it is good for any name")
	}
}

func TestUnusable(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"missing":     func(dir string) error { return os.Remove(filepath.Join(dir, certFile)) },
		"key missing": func(dir string) error { return os.Remove(filepath.Join(dir, keyFile)) },
		"damaged":     func(dir string) error { return os.WriteFile(filepath.Join(dir, certFile), []byte("x"), 0o644) },
		"another's key": func(dir string) error {
			other := dir + "-other"
			if err := Ensure(other); err != nil {
				return err
			}
			return os.Rename(filepath.Join(other, keyFile), filepath.Join(dir, keyFile))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "ca")
			if err := Ensure(dir); err != nil {
				t.Fatal(err)
			}
			if err := spoil(dir); err != nil {
				t.Fatal(err)
			}
			_, err := Load(dir)
			if exits.Status(err) != 3 || !strings.Contains(err.Error(), "Hint: ") || strings.Contains(err.Error(), "\n") {
				t.Errorf("status %d: %v", exits.Status(err), err)
			}
		})
	}
}
