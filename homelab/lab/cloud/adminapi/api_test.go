package adminapi

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/types/key"

	"homelab/cloud/policy"
	"homelab/cloud/tailnet"
)

// The PyPI client proves the API as a whole (tests/component); here are its edges.

const token = "tskey-api-test"

type api struct {
	t   *testing.T
	net *tailnet.Tailnet
	h   http.Handler
	id  string // of the one device
}

func start(t *testing.T) *api {
	t.Helper()
	n, err := tailnet.Open(t.TempDir(), func() (*tailnet.State, error) { return tailnet.New("snow-burbot.ts.net", "alice@example.com", 2) })
	must(t, err)
	t.Cleanup(n.Close)
	a := &api{t: t, net: n, h: New(n, func() error { return nil }).Handler()}
	must(t, n.Update(func(s *tailnet.State) error {
		s.AddKey(tailnet.Key{ID: "ktest", Kind: tailnet.APIToken, User: s.Owner().ID}, token)
		d := s.Join(tailnet.Join{Machine: key.NewMachine().Public(), Key: key.NewNode().Public(), User: s.Owner().ID,
			Hostinfo: &tailcfg.Hostinfo{Hostname: "quiz", OS: "linux"}}, time.Now())
		a.id = string(d.StableID)
		return nil
	}))
	return a
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// call sends one request; header is "Name: value" lines.
func (a *api) call(method, path, body string, header ...string) (int, map[string]any, http.Header) {
	a.t.Helper()
	r := httptest.NewRequest(method, "https://api.tailscale.com/api/v2/"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	a.h.ServeHTTP(w, r)
	text, err := io.ReadAll(w.Body)
	must(a.t, err)
	var out map[string]any
	if json.Unmarshal(text, &out) != nil {
		out = map[string]any{"text": string(text)}
	}
	return w.Code, out, w.Header()
}

func TestRefusals(t *testing.T) {
	a := start(t)
	for name, tt := range map[string]struct {
		method, path, body, header string
		status                     int
		want                       string
	}{
		"wrong token":        {"GET", "tailnet/-/devices", "", "Authorization: Bearer nope", 401, "API token invalid"},
		"no token":           {"GET", "tailnet/-/devices", "", "Authorization: ", 401, "API token invalid"},
		"unknown request":    {"GET", "tailnet/-/webhooks", "", "", 404, "does not know"},
		"unknown tailnet":    {"GET", "tailnet/other.ts.net/devices", "", "", 404, "tailnet other.ts.net not found"},
		"unknown device":     {"GET", "device/7", "", "", 404, "device not found"},
		"unknown field":      {"POST", "device/ID/name", `{"nam": "x"}`, "", 400, `unknown field "nam"`},
		"no JSON":            {"POST", "device/ID/name", `x`, "", 400, "not understood"},
		"no answer":          {"POST", "device/ID/authorized", `{}`, "", 400, "say authorized"},
		"bad route":          {"POST", "device/ID/routes", `{"routes": ["10.0.0.1/8"]}`, "", 400, "is no route"},
		"undefined tag":      {"POST", "device/ID/tags", `{"tags": ["tag:x"]}`, "", 400, "requested tags [tag:x] are invalid or not permitted"},
		"no tags":            {"POST", "device/ID/tags", `{"tags": []}`, "", 400, "cannot be taken off"},
		"reserved address":   {"POST", "device/ID/ip", `{"ipv4": "100.100.100.100"}`, "", 400, "cannot be given"},
		"key for too long":   {"POST", "tailnet/-/keys", `{"expirySeconds": 999999999}`, "", 400, "1 to 7776000"},
		"key of no kind":     {"POST", "tailnet/-/keys", `{"keyType": "magic"}`, "", 400, `no keys of type "magic"`},
		"client, no scopes":  {"POST", "tailnet/-/keys", `{"keyType": "client"}`, "", 400, "needs scopes"},
		"client, bad scope":  {"POST", "tailnet/-/keys", `{"keyType": "client", "scopes": ["x"]}`, "", 400, `"x" is no scope`},
		"client, no tags":    {"POST", "tailnet/-/keys", `{"keyType": "client", "scopes": ["auth_keys"]}`, "", 400, "needs tags"},
		"unknown key":        {"DELETE", "tailnet/-/keys/kx", "", "", 404, "key not found"},
		"bad name server":    {"POST", "tailnet/-/dns/nameservers", `{"dns": ["dns.example.com"]}`, "", 400, "is no IP address"},
		"bad domain":         {"PUT", "tailnet/-/dns/split-dns", `{"a b": ["10.0.0.1"]}`, "", 400, "is no domain name"},
		"override with none": {"POST", "tailnet/-/dns/configuration", `{"preferences": {"overrideLocalDNS": true}}`, "", 400, "needs a name server"},
		"what the lab lacks": {"PATCH", "tailnet/-/settings", `{"networkFlowLoggingOn": true}`, "", 400, "cannot do networkFlowLoggingOn"},
		"odd duration":       {"PATCH", "tailnet/-/settings", `{"devicesKeyDurationDays": 1000}`, "", 400, "1 to 180"},
		"policy with faults": {"POST", "tailnet/-/acl", "{\n\"grantz\": []}", "", 400, `line 2, column 1: a policy has no key "grantz" (did you mean "grants"?)`},
		"policy changed":     {"POST", "tailnet/-/acl", "{}", `If-Match: "0123"`, 412, "changed in between"},
	} {
		t.Run(name, func(t *testing.T) {
			before := a.net.View()
			headers := []string{}
			if tt.header != "" {
				headers = append(headers, tt.header)
			}
			status, out, _ := a.call(tt.method, strings.Replace(tt.path, "ID", a.id, 1), tt.body, headers...)
			message, _ := out["message"].(string)
			if status != tt.status || !strings.Contains(message, tt.want) {
				t.Errorf("got %d %v", status, out)
			}
			if a.net.View() != before {
				t.Error("something was changed all the same")
			}
		})
	}
}

func TestPolicyKeepsCommentsAndETags(t *testing.T) {
	a := start(t)
	_, out, h := a.call("GET", "tailnet/-/acl", "", "Accept: application/hujson")
	text, etag := out["text"].(string), h.Get("ETag")
	if text != policy.Default || etag == "" {
		t.Fatalf("etag %q, policy %s", etag, text)
	}
	mine := "// mine\n" + text
	if status, out, _ := a.call("POST", "tailnet/-/acl", mine, "If-Match: "+etag, "Accept: application/hujson"); status != 200 || out["text"] != mine {
		t.Fatalf("%d %v", status, out)
	}
	for _, old := range []string{etag, `"ts-default"`} {
		if status, _, _ := a.call("POST", "tailnet/-/acl", text, "If-Match: "+old); status != 412 {
			t.Errorf("with the etag %s of an older version: %d", old, status)
		}
	}
	_, out, h = a.call("GET", "tailnet/-/acl", "", "Accept: application/json")
	if out["grants"] == nil || h.Get("ETag") == etag {
		t.Errorf("as JSON: %v", out)
	}
}

func TestValidateAnswers200(t *testing.T) {
	a := start(t)
	for body, want := range map[string]string{
		policy.Default: "", `{"grantz": []}`: "line 1, column 2", `[{"src": "alice@example.com", "accept": ["100.64.0.9:22"]}]`: "",
		`[{"src": "alice@example.com", "deny": ["100.64.0.9:22"]}]`: "test(s) failed",
	} {
		status, out, _ := a.call("POST", "tailnet/-/acl/validate", body)
		message, _ := out["message"].(string)
		if status != 200 || (want == "") != (message == "") || !strings.Contains(message, want) {
			t.Errorf("%s: %d %v", body, status, out)
		}
	}
	if a.net.View().PolicyText != policy.Default {
		t.Error("validating has changed the policy")
	}
}

// The dance of `tailscale up --auth-key=tskey-client-…`: a client's secret, a token, a key with its tags.
func TestOAuthClient(t *testing.T) {
	a := start(t)
	status, _, _ := a.call("POST", "tailnet/-/acl", `{"tagOwners": {"tag:container": [], "tag:other": [], "tag:child": ["tag:container"]}}`)
	if status != 200 {
		t.Fatal(status)
	}
	_, client, _ := a.call("POST", "tailnet/-/keys", `{"keyType": "client", "scopes": ["auth_keys"], "tags": ["tag:container"]}`)
	secret := client["key"].(string)
	if !strings.HasPrefix(secret, "tskey-client-"+client["id"].(string)+"-") {
		t.Errorf("secret %s", secret)
	}
	ask := func(secret string) (int, map[string]any) {
		r := httptest.NewRequest("POST", "https://api.tailscale.com/api/v2/oauth/token", strings.NewReader(url.Values{"grant_type": {"client_credentials"}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth("some-client-id", secret)
		w := httptest.NewRecorder()
		a.h.ServeHTTP(w, r)
		var out map[string]any
		must(t, json.Unmarshal(w.Body.Bytes(), &out))
		return w.Code, out
	}
	if status, _ := ask("tskey-client-nope"); status != 401 {
		t.Errorf("a wrong secret: %d", status)
	}
	status, granted := ask(secret)
	if status != 200 || granted["token_type"] != "Bearer" || granted["expires_in"] != 3600.0 {
		t.Fatalf("%d %v", status, granted)
	}
	bearer := "Authorization: Bearer " + granted["access_token"].(string)
	for tag, want := range map[string]int{"tag:container": 200, "tag:child": 200, "tag:other": 400, "tag:undefined": 400} {
		status, out, _ := a.call("POST", "tailnet/-/keys", `{"capabilities": {"devices": {"create": {"ephemeral": true, "tags": ["`+tag+`"]}}}}`, bearer)
		if status != want {
			t.Errorf("a key for %s: %d %v", tag, status, out)
		}
	}
	if status, _, _ := a.call("POST", "tailnet/-/keys", `{}`, bearer); status != 400 {
		t.Errorf("a key without tags: %d", status)
	}
	if status, out, _ := a.call("GET", "tailnet/-/devices", "", bearer); status != 403 || !strings.Contains(out["message"].(string), "devices:core") {
		t.Errorf("outside its scope: %d %v", status, out)
	}
	if _, out, _ := a.call("GET", "tailnet/-/keys", ""); strings.Contains(toText(t, out), secret[30:]) || len(out["keys"].([]any)) != 4 {
		t.Errorf("listed keys: %v", out)
	}
	if status, _, _ := a.call("DELETE", "tailnet/-/keys/"+client["id"].(string), ""); status != 200 {
		t.Fatal(status)
	}
	if status, _, _ := a.call("GET", "tailnet/-/keys", "", bearer); status != 401 {
		t.Errorf("the token of a revoked client: %d", status)
	}
	if status, _ := ask(secret); status != 401 {
		t.Errorf("the secret of a revoked client: %d", status)
	}
}

func toText(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	must(t, err)
	return string(b)
}

func TestBasicAuthentication(t *testing.T) {
	a := start(t)
	r := httptest.NewRequest("GET", "https://api.tailscale.com/api/v2/tailnet/-/devices", nil)
	r.SetBasicAuth(token, "")
	w := httptest.NewRecorder()
	a.h.ServeHTTP(w, r)
	if w.Code != 200 {
		t.Errorf("got %d", w.Code)
	}
}

func TestDeviceLife(t *testing.T) {
	a := start(t)
	step := func(method, path, body string) map[string]any {
		t.Helper()
		status, out, _ := a.call(method, path, body)
		if status != 200 {
			t.Fatalf("%s %s: %d %v", method, path, status, out)
		}
		return out
	}
	device := func() map[string]any { t.Helper(); return step("GET", "device/"+a.id+"?fields=all", "") }
	step("POST", "device/"+a.id+"/name", `{"name": "Big Quiz"}`)
	step("POST", "device/"+a.id+"/key", `{"keyExpiryDisabled": true}`)
	step("POST", "device/"+a.id+"/ip", `{"ipv4": "100.101.102.103"}`)
	step("POST", "device/"+a.id+"/routes", `{"routes": ["10.20.0.0/24"]}`)
	d := device()
	if d["name"] != "big-quiz.snow-burbot.ts.net" || d["keyExpiryDisabled"] != true || d["addresses"].([]any)[0] != "100.101.102.103" || toText(t, d["enabledRoutes"]) != `["10.20.0.0/24"]` {
		t.Errorf("device %v", d)
	}
	if len(a.net.View().Sorted()[0].ActiveRoutes()) != 0 {
		t.Error("a route that is not advertised is in use")
	}
	step("POST", "device/"+a.id+"/expire", "")
	if n := a.net.View().Sorted()[0]; !n.Expired(time.Now()) {
		t.Error("a device whose key needs no renewal cannot be expired by hand")
	}
	step("DELETE", "device/"+a.id, "")
	if status, _, _ := a.call("GET", "device/"+a.id, ""); status != 404 || len(a.net.View().Removed) != 1 {
		t.Errorf("after the removal: %d", status)
	}
}

func TestSplitDNSPatch(t *testing.T) {
	a := start(t)
	for _, tt := range []struct{ method, body, want string }{
		{"PUT", `{"vpc.internal": ["10.20.0.50"], "Corp.Example.": ["10.0.0.1"]}`, `{"corp.example":["10.0.0.1"],"vpc.internal":["10.20.0.50"]}`},
		{"PATCH", `{"corp.example": null, "x.y": ["10.0.0.2"]}`, `{"vpc.internal":["10.20.0.50"],"x.y":["10.0.0.2"]}`},
		{"PUT", `{}`, `{}`},
	} {
		_, out, _ := a.call(tt.method, "tailnet/-/dns/split-dns", tt.body)
		if got := toText(t, out); got != tt.want {
			t.Errorf("%s %s: %s", tt.method, tt.body, got)
		}
	}
	_, out, _ := a.call("POST", "tailnet/-/dns/configuration", `{"nameservers": [{"address": "203.0.113.53"}], "preferences": {"overrideLocalDNS": true}, "searchPaths": ["a.b"]}`)
	d := a.net.View().DNS
	if !d.OverrideLocal || !d.MagicDNS || d.Nameservers[0] != netip.MustParseAddr("203.0.113.53") {
		t.Errorf("%v: %+v", out, d)
	}
}

// A full disk is the cloud's trouble, not the caller's mistake: 500, and the next request is served.
func TestDiskFull(t *testing.T) {
	w := httptest.NewRecorder()
	fail(w, &tailnet.SaveError{Err: io.ErrShortWrite})
	if w.Code != 500 || !strings.Contains(w.Body.String(), "cannot save its state") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
