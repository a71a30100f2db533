// Package acme is the lab's Let's Encrypt: pebble as a library, issuing under the lab's own root.
package acme

import (
	"io"
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"

	"homelab/cloud/rootca"
)

// Validity of a certificate, as Let's Encrypt's.
const validitySeconds = 90 * 24 * 3600

// Handler is the ACME service. dns is the resolver's address ("host:port") that challenges are looked up at.
func Handler(root *rootca.Root, dns string) (http.Handler, error) {
	for name, value := range map[string]string{
		"PEBBLE_VA_NOSLEEP":      "1",
		"PEBBLE_WFE_NONCEREJECT": "0",
		// tailscaled accepts the challenge of an authorisation again, which pebble refuses once it is valid.
		"PEBBLE_AUTHZREUSE": "0",
	} {
		if err := os.Setenv(name, value); err != nil {
			return nil, err
		}
	}
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	authority, err := adopted(root, quiet, store)
	if err != nil {
		return nil, err
	}
	front := wfe.New(quiet, store, va.New(quiet, 80, 443, false, dns, store), authority, []string{"lab"}, false, false, 1, 1)
	return adapt(front.Handler()), nil
}

// adopted is pebble's CA with its issuing certificate signed by root. Pebble makes its keys in
// memory and keeps that certificate by pointer; what it serves afterwards is leaf + ours.
func adopted(root *rootca.Root, quiet *log.Logger, store *db.MemoryStore) (*ca.CAImpl, error) {
	authority := ca.New(quiet, store, "", "ecdsa", 0, 1,
		map[string]ca.Profile{"default": {Description: "the lab's only profile", ValidityPeriod: validitySeconds}})
	issuing := authority.GetIntermediateCert(0)
	der, cert, err := root.Intermediate(issuing.Cert)
	if err != nil {
		return nil, err
	}
	issuing.DER, issuing.Cert = der, cert
	return authority, nil
}

// adapt bridges what pebble does and what tailscaled's client wants.
func adapt(pebble http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id, ok := strings.CutPrefix(r.URL.Path, "/finalize-order/"); ok {
			// The client takes the order's URL from this header; pebble sends none.
			w.Header().Set("Location", "https://"+r.Host+"/my-order/"+id)
		}
		if r.URL.Path == "/directory" {
			r.URL.Path = "/dir"
		}
		pebble.ServeHTTP(w, r)
	})
}
