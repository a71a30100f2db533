// Package rootca keeps the lab's one root certificate: made once per cache, trusted inside
// machines and containers only.
package rootca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"homelab/cloud/atomicfile"
	"homelab/cloud/exits"
)

// Root is a certificate authority with its private key.
type Root struct {
	Cert *x509.Certificate
	Key  *ecdsa.PrivateKey
}

const (
	certFile = "root.pem"
	keyFile  = "root.key"
)

// Ensure makes root.pem and root.key in dir unless they are there. Two processes that call it at
// the same moment get the same root.
func Ensure(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return exits.Missing("choose a folder that you may write", "cannot make the CA folder: %v", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return exits.Missing("choose a folder that you may write", "cannot lock the CA folder: %v", err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("cannot lock %s: %w", dir, err)
	}
	// The certificate is written last, so it stands for the pair.
	if _, err := os.Stat(filepath.Join(dir, certFile)); err == nil {
		_, err := Load(dir)
		return err
	}
	return create(dir)
}

func create(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          Serial(),
		Subject:               pkix.Name{CommonName: "Homelab Runbook lab root", Organization: []string{"Homelab Runbook (lab only)"}},
		NotBefore:             now.Add(-24 * time.Hour),
		NotAfter:              now.AddDate(10, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(dir, keyFile), "PRIVATE KEY", keyDER, 0o600); err != nil {
		return err
	}
	return writePEM(filepath.Join(dir, certFile), "CERTIFICATE", der, 0o644)
}

func writePEM(path, kind string, der []byte, mode os.FileMode) error {
	if err := atomicfile.Write(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	return nil
}

// Load reads the root that Ensure made.
func Load(dir string) (*Root, error) {
	const hint = "run `cloud ca --dir DIR` first; if the files are damaged, remove both and run it again"
	certDER, err := readPEM(filepath.Join(dir, certFile), "CERTIFICATE")
	if err != nil {
		return nil, exits.Missing(hint, "the lab's CA is not usable: %v", err)
	}
	keyDER, err := readPEM(filepath.Join(dir, keyFile), "PRIVATE KEY")
	if err != nil {
		return nil, exits.Missing(hint, "the lab's CA is not usable: %v", err)
	}
	cert, err := x509.ParseCertificate(certDER)
	if err != nil {
		return nil, exits.Missing(hint, "the lab's CA is not usable: %s: %v", certFile, err)
	}
	key, err := x509.ParsePKCS8PrivateKey(keyDER)
	if err != nil {
		return nil, exits.Missing(hint, "the lab's CA is not usable: %s: %v", keyFile, err)
	}
	signer, ok := key.(*ecdsa.PrivateKey)
	if !ok || !signer.PublicKey.Equal(cert.PublicKey) {
		return nil, exits.Missing(hint, "the lab's CA is not usable: %s does not belong to %s", keyFile, certFile)
	}
	return &Root{Cert: cert, Key: signer}, nil
}

func readPEM(path, kind string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("%s holds no %s", path, kind)
	}
	return block.Bytes, nil
}

// Serial is a fresh random certificate serial number.
func Serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic("no randomness: " + err.Error()) // crypto/rand never fails on Linux
	}
	return n
}
