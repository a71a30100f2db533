package hub

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"homelab/cloud/web"
)

// behind plays a docker-registry that has one repository under two hosts; it tells what it was asked.
type behind struct {
	asked  []string
	accept string
}

func (b *behind) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.asked = append(b.asked, r.Method+" "+r.URL.Path)
	host, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/")
	switch {
	case r.URL.Path == "/v2/":
	case host != "docker.io" && host != "ghcr.io":
		w.WriteHeader(http.StatusNotFound)
	case rest == "jellyfin/jellyfin/tags/list":
		_, _ = io.WriteString(w, `{"name":"`+host+`/jellyfin/jellyfin","tags":["latest"]}`)
	case rest == "jellyfin/jellyfin/manifests/latest":
		b.accept = strings.Join(r.Header["Accept"], "|")
		_, _ = io.WriteString(w, `{"manifest":1}`)
	case rest == "jellyfin/jellyfin/manifests/99":
		fail(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

type front struct {
	t        *testing.T
	handlers map[string]http.Handler
}

func newFront(t *testing.T) (*front, *behind) {
	b := &behind{}
	s := httptest.NewServer(b)
	t.Cleanup(s.Close)
	return &front{t, New(strings.TrimPrefix(s.URL, "http://"))}, b
}

func (f *front) do(method, address, token string, accepts ...string) *http.Response {
	f.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		f.t.Fatal(err)
	}
	r := httptest.NewRequest(method, address, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header["Accept"] = accepts
	w := httptest.NewRecorder()
	f.handlers[u.Host].ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// token follows a challenge, as the engine does.
func (f *front) token(r *http.Response) string {
	f.t.Helper()
	challenge := r.Header.Get("Www-Authenticate")
	values := map[string]string{}
	for _, part := range strings.Split(strings.TrimPrefix(challenge, "Bearer "), ",") {
		key, value, _ := strings.Cut(part, "=")
		values[key] = strings.Trim(value, `"`)
	}
	asked := values["realm"] + "?service=" + values["service"] + "&scope=" + url.QueryEscape(values["scope"])
	var answer struct{ Token string }
	res := f.do("GET", asked, "")
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.Token == "" {
		f.t.Fatalf("%s: %s: no token (%v)", asked, res.Status, err)
	}
	return answer.Token
}

func TestPullAsTheEngineDoes(t *testing.T) {
	for host, namespace := range map[string]string{"registry-1.docker.io": "docker.io", "ghcr.io": "ghcr.io"} {
		f, b := newFront(t)
		base := "https://" + host + "/v2/"
		if res := f.do("GET", base, ""); res.StatusCode != 401 || !strings.HasPrefix(res.Header.Get("Www-Authenticate"), "Bearer realm=") {
			t.Errorf("%s: %s %v", host, res.Status, res.Header)
		}
		res := f.do("HEAD", base+"jellyfin/jellyfin/manifests/latest", "")
		if !strings.Contains(res.Header.Get("Www-Authenticate"), `scope="repository:jellyfin/jellyfin:pull"`) {
			t.Errorf("%s: %v", host, res.Header)
		}
		token := f.token(res)
		if res := f.do("GET", base, token); res.StatusCode != 200 {
			t.Errorf("%s: with a token: %s", host, res.Status)
		}
		res = f.do("GET", base+"jellyfin/jellyfin/manifests/latest", token, "application/a", "application/b")
		if got := text(t, res); got != `{"manifest":1}` || b.accept != "application/a, application/b" {
			t.Errorf("%s: %s, asked for %q", host, got, b.accept)
		}
		if !slices.Contains(b.asked, "GET /v2/"+namespace+"/jellyfin/jellyfin/manifests/latest") {
			t.Errorf("%s asked %q", host, b.asked)
		}
		if got := text(t, f.do("GET", base+"jellyfin/jellyfin/tags/list", token)); got != `{"name":"jellyfin/jellyfin","tags":["latest"]}` {
			t.Errorf("%s: %s", host, got)
		}
		if res := f.do("GET", base+"jellyfin/jellyfin/manifests/99", token); res.StatusCode != 404 || !strings.Contains(text(t, res), "MANIFEST_UNKNOWN") {
			t.Errorf("%s: an unknown tag: %s", host, res.Status)
		}
	}
}

// As Docker Hub has it: a token for nothing, and then a refusal that does not say whether it exists.
func TestUnknownRepositoryOfTheHub(t *testing.T) {
	f, _ := newFront(t)
	address := "https://registry-1.docker.io/v2/no/such/manifests/latest"
	token := f.token(f.do("GET", address, ""))
	res := f.do("GET", address, token)
	if res.StatusCode != 401 || !strings.Contains(res.Header.Get("Www-Authenticate"), `error="insufficient_scope"`) {
		t.Errorf("%s %v", res.Status, res.Header)
	}
}

// As ghcr.io has it: the token itself is refused.
func TestUnknownRepositoryElsewhere(t *testing.T) {
	f, _ := newFront(t)
	res := f.do("GET", "https://ghcr.io/token?service=ghcr.io&scope=repository:no/such:pull", "")
	if got := text(t, res); res.StatusCode != 403 || !strings.Contains(got, `"code":"DENIED"`) {
		t.Errorf("%s %s", res.Status, got)
	}
}

func TestListedAndNotThere(t *testing.T) {
	f, _ := newFront(t)
	for address, want := range map[string]string{
		"https://registry-1.docker.io/v2/linuxserver/jellyfin/manifests/latest":       "lists linuxserver/jellyfin and cannot offer it",
		"https://registry-1.docker.io/v2/library/busybox/manifests/latest":            "python -m homelab.lab supply busybox:latest",
		"https://ghcr.io/v2/immich-app/immich-server/manifests/release":               "supply ghcr.io/immich-app/immich-server:release",
		"https://ghcr.io/v2/home-assistant/home-assistant/manifests/sha256:000000000": "supply ghcr.io/home-assistant",
	} {
		token := f.token(f.do("GET", address, ""))
		if got := text(t, f.do("GET", address, token)); !strings.Contains(got, want) || !strings.Contains(got, "MANIFEST_UNKNOWN") {
			t.Errorf("%s: %s", address, got)
		}
	}
}

func TestNobodyPushesOrLogsIn(t *testing.T) {
	f, b := newFront(t)
	token := f.token(f.do("GET", "https://registry-1.docker.io/v2/jellyfin/jellyfin/tags/list", ""))
	for _, method := range []string{"PUT", "DELETE", "PATCH", "POST"} {
		if res := f.do(method, "https://registry-1.docker.io/v2/jellyfin/jellyfin/manifests/latest", token); res.StatusCode != 401 {
			t.Errorf("%s: %s", method, res.Status)
		}
	}
	for _, asked := range b.asked {
		if !strings.HasPrefix(asked, "GET ") {
			t.Errorf("the registry got %s", asked)
		}
	}
	if res := f.do("POST", "https://auth.docker.io/token", ""); res.StatusCode != 401 {
		t.Errorf("login: %s", res.Status)
	}
	r := httptest.NewRequest("GET", "https://auth.docker.io/token", nil)
	r.SetBasicAuth("alice", "secret")
	w := httptest.NewRecorder()
	f.handlers["auth.docker.io"].ServeHTTP(w, r)
	if w.Code != 401 {
		t.Errorf("login: %d", w.Code)
	}
}

func TestPathsStayBelowTheNamespace(t *testing.T) {
	f, b := newFront(t)
	token := f.token(f.do("GET", "https://registry-1.docker.io/v2/jellyfin/jellyfin/tags/list", ""))
	for _, path := range []string{"../ghcr.io/jellyfin/jellyfin/manifests/latest", "_catalog", "jellyfin/jellyfin/manifests/../../../x/manifests/latest"} {
		res := f.do("GET", "https://registry-1.docker.io/v2/"+path, token)
		if res.StatusCode < 400 {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
	for _, asked := range b.asked {
		if path := strings.Fields(asked)[1]; path != "/v2/" && !strings.HasPrefix(path, "/v2/docker.io/") {
			t.Errorf("the registry got %s", asked)
		}
	}
}

func TestRegistryDoesNotRun(t *testing.T) {
	f := &front{t, New("127.0.0.1:1")}
	for _, address := range []string{"https://registry-1.docker.io/v2/", "https://ghcr.io/v2/jellyfin/jellyfin/manifests/latest"} {
		res := f.do("GET", address, "")
		if got := text(t, res); res.StatusCode != 503 || !strings.Contains(got, "does not run") {
			t.Errorf("%s: %s %s", address, res.Status, got)
		}
	}
	if res := f.do("GET", "https://index.docker.io/v1/search?q=jellyfin", ""); res.StatusCode != 200 {
		t.Errorf("search needs no registry: %s", res.Status)
	}
}

func TestSearch(t *testing.T) {
	f, _ := newFront(t)
	var page struct {
		Total   int `json:"num_results"`
		Pages   int `json:"num_pages"`
		Results []struct {
			Name     string `json:"name"`
			Stars    int    `json:"star_count"`
			Official bool   `json:"is_official"`
		} `json:"results"`
	}
	ask := func(query string) []string {
		page.Results = nil
		res := f.do("GET", "https://index.docker.io/v1/search?"+query, "")
		if err := json.NewDecoder(res.Body).Decode(&page); err != nil {
			t.Fatal(err)
		}
		names := []string{}
		for _, r := range page.Results {
			names = append(names, r.Name)
		}
		return names
	}
	if got := ask("q=jellyfin&n=25"); got[0] != "jellyfin/jellyfin" || len(got) < 3 || page.Total != len(got) {
		t.Errorf("%q of %d", got, page.Total)
	}
	if got := ask("q=Mosquitto"); !slices.Equal(got, []string{"eclipse-mosquitto"}) || !page.Results[0].Official {
		t.Errorf("%q", got)
	}
	if first, second := ask("q=jellyfin&n=1"), ask("q=jellyfin&n=1&page=2"); first[0] == second[0] || page.Pages < 3 {
		t.Errorf("%q, then %q of %d", first, second, page.Pages)
	}
	if got := ask("q=immich"); len(got) != 0 {
		t.Errorf("another registry's image is found on the hub: %q", got)
	}
	if got := ask("q=jellyfin&n=25&page=9"); len(got) != 0 {
		t.Errorf("page 9: %q", got)
	}
}

func TestEveryNameHasACertificate(t *testing.T) {
	for name := range New("127.0.0.1:1") {
		if !slices.Contains(web.Names, name) {
			t.Errorf("%s is not among the cloud's names", name)
		}
	}
}
