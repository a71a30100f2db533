package acme

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	client "tailscale.com/tempfork/acme" // the one in tailscaled

	"homelab/cloud/dnsd"
	"homelab/cloud/rootca"
)

const host = "quiz.snow-burbot.ts.net"

// issue gets a certificate from a fresh service, as tailscaled does, and returns its chain.
func issue(t *testing.T, root *rootca.Root) []*x509.Certificate {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	records := dnsd.NewRecords(nil)
	dns, err := dnsd.Listen(netip.MustParseAddrPort("127.0.0.1:0"), records)
	fatal(t, err)
	go dns.Serve()
	h, err := Handler(root, dns.Addr().String())
	fatal(t, err)
	web := httptest.NewTLSServer(h)
	t.Cleanup(web.Close)

	account, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fatal(t, err)
	c := &client.Client{Key: account, HTTPClient: web.Client(), DirectoryURL: web.URL + "/directory"}
	_, err = c.Register(ctx, new(client.Account), client.AcceptTOS)
	fatal(t, err)
	order, err := c.AuthorizeOrder(ctx, []client.AuthzID{{Type: "dns", Value: host}})
	fatal(t, err)
	for _, u := range order.AuthzURLs {
		az, err := c.GetAuthorization(ctx, u)
		fatal(t, err)
		for _, ch := range az.Challenges {
			if ch.Type == "dns-01" {
				text, err := c.DNS01ChallengeRecord(ch.Token)
				fatal(t, err)
				records.Push(dnsd.Set{TXT: map[string][]string{"_acme-challenge." + host: {text}}})
				_, err = c.Accept(ctx, ch)
				fatal(t, err)
			}
		}
	}
	_, err = c.WaitOrder(ctx, order.URI)
	fatal(t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fatal(t, err)
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{host}}, key)
	fatal(t, err)
	der, _, err := c.CreateOrderCert(ctx, order.FinalizeURL, csr, true)
	fatal(t, err)
	var chain []*x509.Certificate
	for _, d := range der {
		cert, err := x509.ParseCertificate(d)
		fatal(t, err)
		chain = append(chain, cert)
	}
	return chain
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever pebble makes at each start, what it issues chains to the one root of the cache.
func TestEveryRunIssuesUnderTheSameRoot(t *testing.T) {
	dir := t.TempDir()
	fatal(t, rootca.Ensure(dir))
	root, err := rootca.Load(dir)
	fatal(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(root.Cert)
	var issuers [][]byte
	for range 2 {
		chain := issue(t, root)
		between := x509.NewCertPool()
		for _, c := range chain[1:] {
			between.AddCert(c)
		}
		if _, err := chain[0].Verify(x509.VerifyOptions{DNSName: host, Roots: pool, Intermediates: between}); err != nil {
			t.Errorf("does not verify: %v", err)
		}
		if d := time.Until(chain[0].NotAfter); d < 80*24*time.Hour || d > 91*24*time.Hour {
			t.Errorf("valid for %v", d)
		}
		issuers = append(issuers, chain[1].RawSubjectPublicKeyInfo)
	}
	if string(issuers[0]) == string(issuers[1]) {
		t.Error("both runs had the same issuing key, so the test shows nothing")
	}
}

func TestWrongChallengeIsRefused(t *testing.T) {
	dir := t.TempDir()
	fatal(t, rootca.Ensure(dir))
	root, err := rootca.Load(dir)
	fatal(t, err)
	dns, err := dnsd.Listen(netip.MustParseAddrPort("127.0.0.1:0"), dnsd.NewRecords(nil))
	fatal(t, err)
	go dns.Serve()
	h, err := Handler(root, dns.Addr().String())
	fatal(t, err)
	web := httptest.NewTLSServer(h)
	defer web.Close()
	account, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fatal(t, err)
	c := &client.Client{Key: account, HTTPClient: web.Client(), DirectoryURL: web.URL + "/directory"}
	_, err = c.Register(t.Context(), new(client.Account), client.AcceptTOS)
	fatal(t, err)
	order, err := c.AuthorizeOrder(t.Context(), []client.AuthzID{{Type: "dns", Value: host}})
	fatal(t, err)
	az, err := c.GetAuthorization(t.Context(), order.AuthzURLs[0])
	fatal(t, err)
	for _, ch := range az.Challenges {
		if ch.Type == "dns-01" {
			_, err = c.Accept(t.Context(), ch)
			fatal(t, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := c.WaitAuthorization(ctx, az.URI); err == nil {
		t.Error("authorised without a record in DNS")
	}
}
