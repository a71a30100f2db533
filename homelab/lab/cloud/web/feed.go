package web

import (
	"fmt"
	"net/http"
)

// feed stands in for a project's news: a valid Atom document, and honest about where it comes from.
const feed = `<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
  <title>Miniflux (the lab's stand-in)</title>
  <id>https://miniflux.app/feed.xml</id>
  <link href="https://miniflux.app/"/>
  <updated>2026-11-20T08:00:00Z</updated>
  <author><name>the lab's cloud</name></author>
%s</feed>
`

const entry = `  <entry>
    <title>%s</title>
    <id>https://miniflux.app/lab/%d.html</id>
    <link href="https://miniflux.app/lab/%d.html"/>
    <updated>2026-11-%02dT08:00:00Z</updated>
    <summary>%s</summary>
  </entry>
`

// Feed is the project page of Miniflux, as far as a feed reader asks for it.
func Feed(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/feed.xml" {
		http.NotFound(w, r)
		return
	}
	entries := ""
	for n, item := range [][2]string{
		{"A reader that does not watch you", "This entry was written for the lab: the real feed is at the same address."},
		{"Why one database is enough", "PostgreSQL keeps feeds and entries. Back it up with a dump."},
		{"Read less, know more", "Unsubscribe from what you skip three times in a row."},
	} {
		entries += fmt.Sprintf(entry, item[0], n+1, n+1, 18+n, item[1])
	}
	w.Header().Set("Content-Type", "application/atom+xml; charset=utf-8")
	_, _ = fmt.Fprintf(w, feed, entries) // the reader has gone: no news
}
