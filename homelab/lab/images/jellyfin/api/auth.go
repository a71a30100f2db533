package api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"

	"homelab/images/jellyfin/store"
)

// authorize finds out who calls and whether they may.
//
// Since 12.0 a token counts in two places only: "Authorization: MediaBrowser Token=…" and the query's ApiKey.
// The others (X-Emby-Token, X-MediaBrowser-Token, X-Emby-Authorization, api_key, the scheme "Emby") count while
// EnableLegacyAuthorization is on, which it is before 12.0.
func (s *Server) authorize(c *call, need who) error {
	var wizardDone, legacy bool
	s.Store.Read(func(state *store.State) {
		wizardDone, legacy = state.WizardCompleted, state.Configuration.EnableLegacyAuthorization
	})
	token := c.identify(legacy)
	if token != "" {
		s.Store.Read(func(state *store.State) { c.find(state, tokenHash(token)) })
	}
	if c.user != nil {
		s.seen.touch(c)
	}
	if !wizardDone && (need == setupOrUser || need == setupOrAdmin) {
		return nil
	}
	switch {
	case need == anybody:
		return nil
	case c.user == nil:
		return unknownWho
	case (need == admin || need == setupOrAdmin) && !c.user.Administrator:
		return forbidden
	}
	return nil
}

// identify reads the caller's device, and returns the token.
func (c *call) identify(legacy bool) string {
	header := c.r.Header.Get("Authorization")
	if header == "" && legacy {
		header = c.r.Header.Get("X-Emby-Authorization")
	}
	scheme, rest, _ := strings.Cut(header, " ")
	parts := map[string]string{}
	if strings.EqualFold(scheme, "MediaBrowser") || legacy && strings.EqualFold(scheme, "Emby") {
		parts = authParts(rest)
	}
	c.device = store.Device{ID: parts["DeviceId"], Name: parts["Device"], App: parts["Client"], Version: parts["Version"]}
	found := []string{parts["Token"]}
	if legacy {
		found = append(found, c.r.Header.Get("X-Emby-Token"), c.r.Header.Get("X-MediaBrowser-Token"))
	}
	found = append(found, c.get("ApiKey"))
	if legacy {
		found = append(found, c.get("api_key"))
	}
	for _, token := range found {
		if token != "" {
			return token
		}
	}
	return ""
}

// find sets the user and completes the device that belong to a token.
func (c *call) find(state *store.State, hash string) {
	for _, device := range state.Devices {
		if device.TokenHash != hash {
			continue
		}
		for _, u := range state.Users {
			if u.ID == device.UserID {
				c.user, c.device = &u, device
			}
		}
	}
}

// authParts reads Key="value", Key="value": values are URL-encoded, a comma in quotes is part of the value.
func authParts(text string) map[string]string {
	parts := map[string]string{}
	quoted, start := false, 0
	keep := func(end int) {
		key, value, _ := strings.Cut(text[start:end], "=")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		if plain, err := url.QueryUnescape(value); err == nil {
			value = plain
		}
		parts[strings.TrimSpace(key)] = value
		start = end + 1
	}
	for i, letter := range text {
		switch {
		case letter == '"':
			quoted = !quoted
		case letter == ',' && !quoted:
			keep(i)
		}
	}
	if start < len(text) {
		keep(len(text))
	}
	return parts
}

func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// named refuses a login that does not say from where; the real server needs all four, too.
func (c *call) named() error {
	if c.device.ID == "" || c.device.Name == "" || c.device.App == "" || c.device.Version == "" {
		return refusal{http.StatusBadRequest, "the Authorization header lacks Client, Device, DeviceId or Version"}
	}
	return nil
}
