package pages

import (
	"fmt"
	"log"
	"net/http"
	"regexp"
	"strings"

	"homelab/cloud/tailnet"
)

func (p *Pages) dns(w http.ResponseWriter, r *http.Request) {
	st := p.net.View()
	if wantsJSON(r) {
		writeJSON(w, map[string]any{"tailnet": st.Domain, "magicDNS": st.DNS.MagicDNS, "https": st.Settings.HTTPS})
		return
	}
	p.show(w, http.StatusOK, "dns", "DNS", map[string]any{"Domain": st.Domain, "DNS": st.DNS, "HTTPS": st.Settings.HTTPS})
}

var tailnetName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]\.ts\.net$`)

// setDNS takes the page's forms: https=on|off, magicdns=on|off, tailnet=NAME.
func (p *Pages) setDNS(w http.ResponseWriter, r *http.Request) {
	if !p.form(w, r) {
		return
	}
	name := strings.ToLower(strings.TrimSpace(r.PostForm.Get("tailnet")))
	if name != "" && !strings.Contains(name, ".") {
		name += ".ts.net"
	}
	var changed []string
	err := p.net.Update(func(s *tailnet.State) error {
		changed = nil
		for field, setting := range map[string]*bool{"https": &s.Settings.HTTPS, "magicdns": &s.DNS.MagicDNS} {
			switch v := r.PostForm.Get(field); v {
			case "":
			case "on", "off":
				*setting = v == "on"
				changed = append(changed, field+" "+v)
			default:
				return fmt.Errorf("%s must be on or off, and is %q", field, v)
			}
		}
		if name != "" {
			if !tailnetName.MatchString(name) {
				return fmt.Errorf("%q is no name of a tailnet: it is such as snow-burbot.ts.net", name)
			}
			s.Domain = name
			changed = append(changed, "tailnet "+name)
		}
		if changed == nil {
			return fmt.Errorf("nothing to change: the form has https, magicdns or tailnet")
		}
		return nil
	})
	if err == nil {
		err = p.publish()
	}
	if err != nil {
		p.fail(w, statusOf(err), err.Error(), "Go back to the DNS page.")
		return
	}
	log.Printf("admin: dns: %s", strings.Join(changed, ", "))
	http.Redirect(w, r, "/admin/dns"+p.query(), http.StatusSeeOther)
}

func statusOf(err error) int {
	if _, ok := err.(*tailnet.SaveError); ok {
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}
