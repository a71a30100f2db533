package hub

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// entry is one repository that is known to exist. The stars are invented, in the real ones' order.
type entry struct {
	Name     string `json:"name"` // with its host
	About    string `json:"about"`
	Stars    int    `json:"stars"`
	Official bool   `json:"official"`
	Offered  bool   `json:"offered"` // the lab can supply it
}

//go:embed catalogue.json
var catalogueText []byte

var catalogue = readCatalogue(catalogueText)

func readCatalogue(text []byte) map[string]entry {
	var entries []entry
	if err := json.Unmarshal(text, &entries); err != nil {
		panic(err) // it is part of the program
	}
	byName := map[string]entry{}
	for _, e := range entries {
		byName[e.Name] = e
	}
	return byName
}

// result is an entry as the index API has it.
type result struct {
	Name      string `json:"name"`
	About     string `json:"description"`
	Stars     int    `json:"star_count"`
	Official  bool   `json:"is_official"`
	Automated bool   `json:"is_automated"`
}

func ping(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("X-Docker-Registry-Standalone", "true")
	reply(w, http.StatusOK, map[string]bool{"standalone": true})
}

// search answers `docker search`: names and descriptions that have the term, most stars first.
func search(w http.ResponseWriter, r *http.Request) {
	term := strings.ToLower(strings.TrimPrefix(r.URL.Query().Get("q"), "library/"))
	size := number(r, "n", 25)
	if size < 1 || size > 100 {
		size = 25
	}
	found := []result{}
	for _, e := range catalogue {
		name, onHub := strings.CutPrefix(e.Name, "docker.io/")
		name = strings.TrimPrefix(name, "library/")
		if onHub && strings.Contains(strings.ToLower(name+" "+e.About), term) {
			found = append(found, result{Name: name, About: e.About, Stars: e.Stars, Official: e.Official})
		}
	}
	slices.SortFunc(found, func(a, b result) int {
		return cmp.Or(cmp.Compare(b.Stars, a.Stars), strings.Compare(a.Name, b.Name))
	})
	page := max(number(r, "page", 1), 1)
	from, to := min((page-1)*size, len(found)), min(page*size, len(found))
	reply(w, http.StatusOK, map[string]any{"query": r.URL.Query().Get("q"), "num_results": len(found), "page": page,
		"num_pages": (len(found) + size - 1) / size, "page_size": size, "results": found[from:to]})
}

func number(r *http.Request, name string, otherwise int) int {
	if n, err := strconv.Atoi(r.URL.Query().Get(name)); err == nil {
		return n
	}
	return otherwise
}
