package adminapi

import (
	"encoding/json"
	"log"
	"net/http"
	"time"

	"homelab/cloud/tailnet"
)

const tokenLife = time.Hour

// token is the OAuth token end point: an OAuth client's secret for an access token of one hour.
func (a *API) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		oauthError(w, http.StatusBadRequest, "invalid_request", err.Error())
		return
	}
	if g := r.PostForm.Get("grant_type"); g != "" && g != "client_credentials" {
		oauthError(w, http.StatusBadRequest, "unsupported_grant_type", "the grant type is client_credentials")
		return
	}
	_, secret, ok := r.BasicAuth()
	if !ok {
		secret = r.PostForm.Get("client_secret")
	}
	st := a.net.View()
	client := st.FindKey(secret)
	if client == nil || client.Kind != tailnet.ClientSecret || client.Problem(time.Now()) != "" {
		oauthError(w, http.StatusUnauthorized, "invalid_client", "API token invalid")
		return
	}
	var secretToken string
	err := a.net.Update(func(s *tailnet.State) error {
		_, secretToken = s.NewKey(tailnet.Key{Kind: tailnet.APIToken, User: client.User, Client: client.ID,
			Scopes: client.Scopes, Tags: client.Tags, Expires: time.Now().Add(tokenLife).UTC(), Description: "token of " + client.ID})
		return nil
	})
	if err != nil {
		oauthError(w, http.StatusInternalServerError, "server_error", err.Error())
		return
	}
	log.Printf("api: OAuth client %s got a token", client.ID)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	err = json.NewEncoder(w).Encode(map[string]any{"access_token": secretToken, "token_type": "Bearer",
		"expires_in": int(tokenLife.Seconds()), "scope": joined(client.Scopes)})
	if err != nil {
		log.Printf("api: answer: %v", err)
	}
}

func joined(scopes []string) (s string) {
	for i, x := range scopes {
		if i > 0 {
			s += " "
		}
		s += x
	}
	return s
}

func oauthError(w http.ResponseWriter, status int, code, what string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": what, "message": what}); err != nil {
		log.Printf("api: answer: %v", err)
	}
}
