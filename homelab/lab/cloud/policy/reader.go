package policy

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/tailscale/hujson"
)

// reader walks the syntax tree and collects problems with their places.
type reader struct {
	starts   []int // where the lines begin
	problems []Problem
}

func newReader(src []byte) reader {
	r := reader{starts: []int{0}}
	for i, c := range src {
		if c == '\n' {
			r.starts = append(r.starts, i+1)
		}
	}
	return r
}

// place is a value's line and column, from 1.
func (r *reader) place(v *hujson.Value) (line, column int) {
	line = sort.SearchInts(r.starts, v.StartOffset+1)
	return line, v.StartOffset - r.starts[line-1] + 1
}

func (r *reader) line(v *hujson.Value) int {
	l, _ := r.place(v)
	return l
}

func (r *reader) problem(v *hujson.Value, hint, format string, args ...any) {
	line, column := r.place(v)
	r.problems = append(r.problems, Problem{line, column, fmt.Sprintf(format, args...), hint})
}

func (r *reader) sorted() []Problem {
	sort.SliceStable(r.problems, func(i, j int) bool {
		a, b := r.problems[i], r.problems[j]
		return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
	})
	return r.problems
}

func kind(v *hujson.Value) string {
	switch v.Value.Kind() {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a text"
	case '0':
		return "a number"
	case 'n':
		return "null"
	}
	return "true or false"
}

// member is an entry of an object.
type member struct {
	name  string
	at, v *hujson.Value
}

// members are the object's entries; a name that comes twice is a problem.
func (r *reader) members(v *hujson.Value, what string) []member {
	o, ok := v.Value.(*hujson.Object)
	if !ok {
		r.problem(v, `write {"name": …}`, "%s must be an object, and is %s", what, kind(v))
		return nil
	}
	seen := map[string]bool{}
	var out []member
	for i := range o.Members {
		m := &o.Members[i]
		name := m.Name.Value.(hujson.Literal).String()
		if seen[name] {
			r.problem(&m.Name, "keep one of them", "%q comes twice in %s", name, what)
			continue
		}
		seen[name] = true
		out = append(out, member{name, &m.Name, &m.Value})
	}
	return out
}

// fields are the entries of an object whose names are known; another name is a problem.
func (r *reader) fields(v *hujson.Value, what string, known ...string) map[string]*hujson.Value {
	out := map[string]*hujson.Value{}
	for _, m := range r.members(v, what) {
		if !slices.Contains(known, m.name) {
			r.problem(m.at, meant(m.name, known, "known here: "+strings.Join(known, ", ")), "%s has no key %q", what, m.name)
			continue
		}
		out[m.name] = m.v
	}
	return out
}

func (r *reader) list(v *hujson.Value, what string) []*hujson.Value {
	a, ok := v.Value.(*hujson.Array)
	if !ok {
		r.problem(v, "put it in [ ]", "%s must be a list, and is %s", what, kind(v))
		return nil
	}
	var out []*hujson.Value
	for i := range a.Elements {
		out = append(out, &a.Elements[i])
	}
	return out
}

func (r *reader) text(v *hujson.Value, what string) (string, bool) {
	l, ok := v.Value.(hujson.Literal)
	if !ok || l.Kind() != '"' {
		r.problem(v, "put it in quotation marks", "%s must be a text, and is %s", what, kind(v))
		return "", false
	}
	return l.String(), true
}

func (r *reader) boolean(v *hujson.Value, what string) bool {
	l, ok := v.Value.(hujson.Literal)
	if !ok || l.Kind() != 't' && l.Kind() != 'f' {
		r.problem(v, "", "%s must be true or false, and is %s", what, kind(v))
		return false
	}
	return l.Bool()
}

// texts is a list of texts with their places.
func (r *reader) texts(v *hujson.Value, what string) (texts []string, at []*hujson.Value) {
	for _, e := range r.list(v, what) {
		if s, ok := r.text(e, "an entry of "+what); ok {
			texts, at = append(texts, s), append(at, e)
		}
	}
	return texts, at
}
