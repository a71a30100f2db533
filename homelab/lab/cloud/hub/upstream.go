package hub

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"time"
)

// upstream is the docker-registry behind us.
type upstream struct {
	address string
	client  *http.Client
	proxy   *httputil.ReverseProxy
}

type namespaceKey struct{}

func newUpstream(address string) *upstream {
	transport := &http.Transport{DialContext: (&net.Dialer{Timeout: 2 * time.Second}).DialContext, DisableCompression: true,
		MaxIdleConnsPerHost: 16}
	u := &upstream{address: address, client: &http.Client{Transport: transport, Timeout: 10 * time.Second}}
	u.proxy = &httputil.ReverseProxy{Transport: transport, Rewrite: u.rewrite, ModifyResponse: rename,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { unavailable(w) }}
	return u
}

func (u *upstream) serve(w http.ResponseWriter, r *http.Request, namespace string) {
	u.proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), namespaceKey{}, namespace)))
}

// rewrite sends a request to the repository of that name in the namespace.
func (u *upstream) rewrite(r *httputil.ProxyRequest) {
	namespace := r.In.Context().Value(namespaceKey{}).(string)
	r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", u.address, u.address
	r.Out.URL.Path, r.Out.URL.RawPath = "/v2/"+namespace+strings.TrimPrefix(r.In.URL.Path, "/v2"), ""
	r.Out.Header.Del("Authorization")
	// The registry reads the first Accept header only; Docker sends one for each media type.
	if accepts := r.In.Header["Accept"]; len(accepts) > 1 {
		r.Out.Header.Set("Accept", strings.Join(accepts, ", "))
	}
}

// rename takes the namespace out of a list of tags, and of the address of its next page.
func rename(res *http.Response) error {
	if !strings.HasSuffix(res.Request.URL.Path, "/tags/list") {
		return nil
	}
	namespace := res.Request.Context().Value(namespaceKey{}).(string) + "/"
	if link := res.Header.Get("Link"); link != "" {
		res.Header.Set("Link", strings.Replace(link, "/v2/"+namespace, "/v2/", 1))
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	_ = res.Body.Close() // it is read
	body = bytes.Replace(body, []byte(`"name":"`+namespace), []byte(`"name":"`), 1)
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	res.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

func (u *upstream) alive(ctx context.Context) error {
	_, err := u.status(ctx, "/v2/")
	return err
}

// has says whether there is such a repository, by its name with the namespace.
func (u *upstream) has(ctx context.Context, name string) bool {
	status, err := u.status(ctx, "/v2/"+name+"/tags/list")
	return err == nil && status == http.StatusOK
}

func (u *upstream) status(ctx context.Context, path string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+u.address+path, nil)
	if err != nil {
		return 0, err
	}
	res, err := u.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body) // so that the connection can be used again
	return res.StatusCode, err
}
