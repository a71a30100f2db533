// Package web is the page of the stand-in: first-run wizard, login, films. It uses nothing but the HTTP API.
package web

import (
	"embed"
	"io/fs"
	"net/http"
	"os"
)

//go:embed files
var files embed.FS

// Handler serves the page from folder, or from the program itself where there is no such folder.
func Handler(folder string) http.Handler {
	page, _ := fs.Sub(files, "files")
	if info, err := os.Stat(folder); err == nil && info.IsDir() {
		page = os.DirFS(folder)
	}
	serve := http.FileServerFS(page)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		serve.ServeHTTP(w, r)
	})
}
