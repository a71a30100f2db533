// Package pages are the web pages of login.tailscale.com, as the lab plays them: plain forms, no scripts.
package pages

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"log"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"homelab/cloud/tailnet"
)

//go:embed html
var html embed.FS

// Pages serves the login page and the admin pages of one tailnet.
type Pages struct {
	net       *tailnet.Tailnet // the one whose pages are shown
	whole     *tailnet.Tailnet // all
	as        string           // who looks, if it is not the owner of the home tailnet
	publish   func() error
	templates map[string]*template.Template
}

// New makes the pages. publish is called when names in public DNS may have changed.
func New(net *tailnet.Tailnet, publish func() error) (*Pages, error) {
	p := &Pages{net: net.In(""), whole: net, publish: publish, templates: map[string]*template.Template{}}
	for _, name := range []string{"login", "answered", "machines", "dns", "acls", "keys", "message", "check", "logs", "consent", "invite"} {
		t, err := template.New("frame.html").Funcs(template.FuncMap{"join": strings.Join}).
			ParseFS(html, "html/frame.html", "html/"+name+".html")
		if err != nil {
			return nil, err
		}
		p.templates[name] = t
	}
	return p, nil
}

// Register adds the pages to m.
func (p *Pages) Register(m *http.ServeMux) {
	m.HandleFunc("GET /{$}", redirect("/admin/machines"))
	m.HandleFunc("GET /admin", redirect("/admin/machines"))
	m.HandleFunc("GET /admin/{$}", redirect("/admin/machines"))
	m.HandleFunc("GET /a/{token}", p.person(p.login, p.check))
	m.HandleFunc("POST /a/{token}", p.person(p.answer, p.answerCheck))
	m.HandleFunc("GET /admin/logs", p.admin((*Pages).logs))
	m.HandleFunc("GET /admin/invite/{code}", p.invite)
	m.HandleFunc("POST /admin/invite/{code}", p.accept)
	m.HandleFunc("GET /f/{feature}", p.consent)
	m.HandleFunc("POST /f/{feature}", p.enable)
	m.HandleFunc("GET /admin/machines", p.admin((*Pages).machines))
	m.HandleFunc("POST /admin/machines", p.admin((*Pages).manage))
	m.HandleFunc("GET /admin/dns", p.admin((*Pages).dns))
	m.HandleFunc("POST /admin/dns", p.admin((*Pages).setDNS))
	m.HandleFunc("GET /admin/acls", p.admin((*Pages).acls))
	m.HandleFunc("POST /admin/acls", p.admin((*Pages).setACLs))
	m.HandleFunc("GET /admin/settings/keys", p.admin((*Pages).keys))
	m.HandleFunc("POST /admin/settings/keys", p.admin((*Pages).makeKey))
}

// admin shows the pages of one tailnet. There are no passwords in the lab: ?as=bob@example.com shows Bob his own.
func (p *Pages) admin(h func(*Pages, http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		theirs := *p
		if as := strings.ToLower(r.URL.Query().Get("as")); as != "" {
			realm := p.whole.View().RealmOfLogin(as)
			if realm == "" && as != p.net.View().Owner().Login {
				p.fail(w, http.StatusNotFound, as+" has no tailnet.", "A tailnet is founded at a login, or by accepting a shared device.")
				return
			}
			theirs.net, theirs.as = p.whole.In(realm), as
		}
		h(&theirs, w, r)
	}
}

// query is what the address of another admin page ends in.
func (p *Pages) query(more ...string) string {
	if p.as != "" {
		more = append([]string{"as=" + url.QueryEscape(p.as)}, more...)
	}
	if len(more) == 0 {
		return ""
	}
	return "?" + strings.Join(more, "&")
}

func redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
}

// frame is what every page shows around its own.
type frame struct {
	Title, Tab string
	Domain     string
	Query      string // of links to other pages
	Bare       bool   // no tabs: for people who are not signed in
	Body       any
}

var bare = []string{"login", "answered", "message", "check", "consent", "invite"}

func (p *Pages) show(w http.ResponseWriter, status int, name, title string, body any) {
	f := frame{Title: title, Tab: name, Domain: p.net.View().Domain, Query: p.query(), Body: body,
		Bare: slices.Contains(bare, name)}
	var b bytes.Buffer
	if err := p.templates[name].Execute(&b, f); err != nil {
		log.Printf("pages: %s: %v", name, err)
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // the visitor has gone: no news
}

// message is a page with one sentence and what to do.
type message struct{ What, Hint string }

func (p *Pages) fail(w http.ResponseWriter, status int, what, hint string) {
	p.show(w, status, "message", what, message{what, hint})
}

const maxForm = 2 << 20

// form reads a posted form.
func (p *Pages) form(w http.ResponseWriter, r *http.Request) bool {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		p.fail(w, http.StatusBadRequest, "The form cannot be read: "+err.Error(), "Go back and try again.")
		return false
	}
	return true
}

// wantsJSON tells whether a program asks, not a person: where the API has no answer, the page has.
func wantsJSON(r *http.Request) bool { return r.Header.Get("Accept") == "application/json" }

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		log.Printf("pages: answer: %v", err)
	}
}
