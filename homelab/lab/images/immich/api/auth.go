package api

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"homelab/images/immich/db"
	"homelab/images/internal/password"
)

const tokenCookie = "immich_access_token"

// token reads what the caller proves itself with: a login's access token, or an API key.
func (c *call) token() (token string, key bool) {
	if token := c.r.Header.Get("x-api-key"); token != "" {
		return token, true
	}
	for _, name := range []string{"x-immich-user-token", "x-immich-session-token"} {
		if token := c.r.Header.Get(name); token != "" {
			return token, false
		}
	}
	if scheme, token, _ := strings.Cut(c.r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Bearer") {
		return token, false
	}
	if cookie, err := c.r.Cookie(tokenCookie); err == nil {
		return cookie.Value, false
	}
	return "", false
}

// known lets handle run for who is logged in only.
func (s *Server) known(handle handler) handler {
	return func(c *call) (any, error) {
		token, key := c.token()
		if token == "" {
			return nil, refusal{http.StatusUnauthorized, "Authentication required"}
		}
		user, err := s.DB.UserByToken(c.r.Context(), token, key)
		if errors.Is(err, db.ErrNone) {
			text := "Invalid user token"
			if key {
				text = "Invalid API key"
			}
			return nil, refusal{http.StatusUnauthorized, text}
		} else if err != nil {
			return nil, err
		}
		c.user = user
		return handle(c)
	}
}

// account reads an account to be made from the body.
func (c *call) account() (email, name, hash string, err error) {
	var in struct{ Email, Name, Password string }
	if err := c.body(&in); err != nil {
		return "", "", "", err
	}
	if !strings.Contains(in.Email, "@") || in.Password == "" || in.Name == "" {
		return "", "", "", bad("email, name and password are needed")
	}
	hash, err = password.Hash(in.Password)
	return in.Email, in.Name, hash, err
}

func (s *Server) signUp(c *call) (any, error) {
	email, name, hash, err := c.account()
	if err != nil {
		return nil, err
	}
	user, err := s.DB.AddUser(c.r.Context(), email, name, hash, true)
	if errors.Is(err, db.ErrTaken) {
		return nil, bad("The server already has an admin")
	} else if err != nil {
		return nil, err
	}
	return created{adminView(user, 0)}, nil
}

func (s *Server) login(c *call) (any, error) {
	var in struct{ Email, Password string }
	if err := c.body(&in); err != nil {
		return nil, err
	}
	user, err := s.DB.UserByEmail(c.r.Context(), in.Email)
	if errors.Is(err, db.ErrNone) || err == nil && !password.Check(user.Password, in.Password) {
		return nil, refusal{http.StatusUnauthorized, "Incorrect email or password"}
	} else if err != nil {
		return nil, err
	}
	token := newToken()
	if _, _, err := s.DB.AddToken(c.r.Context(), user.ID, token, ""); err != nil {
		return nil, err
	}
	c.cookie(tokenCookie, token, true)
	c.cookie("immich_auth_type", "password", true)
	c.cookie("immich_is_authenticated", "true", false)
	return created{fields{
		"accessToken": token, "userId": user.ID, "userEmail": user.Email, "name": user.Name, "isAdmin": user.IsAdmin,
		"profileImagePath": "", "shouldChangePassword": false, "isOnboarded": true,
	}}, nil
}

// cookie sets one for the browser, which shows photos with it; an empty value removes it.
func (c *call) cookie(name, value string, hidden bool) {
	age := 400 * 24 * 3600
	if value == "" {
		age = -1
	}
	secure := c.r.TLS != nil || c.r.Header.Get("X-Forwarded-Proto") == "https"
	http.SetCookie(c.w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: age, HttpOnly: hidden, Secure: secure,
		SameSite: http.SameSiteLaxMode})
}

func (s *Server) logout(c *call) (any, error) {
	token, _ := c.token()
	if err := s.DB.EndToken(c.r.Context(), token); err != nil {
		return nil, err
	}
	for _, name := range []string{tokenCookie, "immich_auth_type", "immich_is_authenticated"} {
		c.cookie(name, "", true)
	}
	return fields{"successful": true, "redirectUri": "/auth/login?autoLaunch=0"}, nil
}

// addKey makes an API key. The stand-in has no finer permissions than "all", and says so rather than ignore them.
func (s *Server) addKey(c *call) (any, error) {
	in := struct {
		Name        string
		Permissions []string
	}{Name: "API Key"}
	if err := c.body(&in); err != nil {
		return nil, err
	}
	if len(in.Permissions) != 1 || in.Permissions[0] != "all" {
		return nil, bad(`this stand-in knows the permission "all" only`)
	}
	token := newToken()
	id, at, err := s.DB.AddToken(c.r.Context(), c.user.ID, token, in.Name)
	if err != nil {
		return nil, err
	}
	key := fields{"id": id, "name": in.Name, "permissions": in.Permissions, "createdAt": at, "updatedAt": at}
	out := fields{"secret": token, "apiKey": key}
	for name, value := range key {
		out[name] = value
	}
	return created{out}, nil
}

func newToken() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // cannot fail since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b)
}
