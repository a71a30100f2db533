// Package web is the page of the stand-in: accounts, upload, photos by month. It uses nothing but the HTTP API.
package web

import (
	"embed"
	"io/fs"
	"net/http"
)

//go:embed files
var files embed.FS

// Handler serves the page at /.
func Handler() http.Handler {
	page, _ := fs.Sub(files, "files")
	serve := http.FileServerFS(page)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		serve.ServeHTTP(w, r)
	})
}
