// Package api is the part of Jellyfin's HTTP API that the lab's stages use. It is a stand-in, not Jellyfin.
package api

import (
	"context"
	"log"
	"net/http"
	"path/filepath"
	"sync"

	"homelab/images/jellyfin/media"
	"homelab/images/jellyfin/store"
)

// Server answers the API's requests.
type Server struct {
	Store *store.Store
	Tools media.Tools
	Cache string             // folder for what can be made again: posters
	Data  string             // Jellyfin's data folder, which System/Info tells
	Stop  func(restart bool) // ends the program
	Web   http.Handler       // the page at /web/
	Base  context.Context    // ends when the program does
	scan  scanner
	seen  sessions
	grabs sync.Mutex // one poster at a time
}

// Handler is the whole server.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, group := range []map[string]route{
		s.systemRoutes(), s.startupRoutes(), s.userRoutes(), s.libraryRoutes(), s.itemRoutes(), s.playRoutes(),
	} {
		for pattern, route := range group {
			mux.Handle(pattern, s.guard(route))
		}
	}
	mux.Handle("GET /web/", http.StripPrefix("/web", s.Web))
	mux.HandleFunc("GET /{$}", toPage)
	return logged(anyCase(mux))
}

// toPage sends a browser to the page, by a relative address: a proxy may serve us below a path of its own.
func toPage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Location", "web/")
	w.WriteHeader(http.StatusFound)
}

func (s *Server) poster(id string) string { return filepath.Join(s.Cache, "images", id+".jpg") }

func (s *Server) complain(err error) { log.Printf("[WRN] %v", err) }
