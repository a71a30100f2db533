package recorder

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Entry is a recording in the list.
type Entry struct {
	Name    string          `json:"name"` // of the file, below the folder
	Host    string          `json:"host"` // where the session was
	State   string          `json:"state"`
	Bytes   int64           `json:"bytes"`
	Seconds float64         `json:"seconds"` // from its beginning to the last output
	Header  json.RawMessage `json:"header"`  // the file's first line; null if nothing came
}

// List is every recording, the oldest first.
func (s *Store) List() ([]Entry, error) {
	paths, err := filepath.Glob(filepath.Join(s.dir, "*", "*"+whole))
	if err != nil {
		return nil, err
	}
	out := []Entry{}
	for _, path := range paths {
		e, err := s.entry(path)
		if os.IsNotExist(err) { // it has ended in this moment, and has another name now
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Entry) int { return strings.Compare(filepath.Base(a.Name), filepath.Base(b.Name)) })
	return out, nil
}

func (s *Store) entry(path string) (Entry, error) {
	name, err := filepath.Rel(s.dir, path)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Name: name, Host: filepath.Dir(name), State: "whole"}
	for ending, state := range map[string]string{running: "running", cut: "cut"} {
		if strings.HasSuffix(path, ending) {
			e.State = state
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return e, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return e, err
	}
	e.Bytes = info.Size()
	first, err := bufio.NewReader(f).ReadBytes('\n')
	if err != nil && err != io.EOF {
		return e, err
	}
	if json.Valid(first) {
		e.Header = bytes.TrimSpace(first)
	}
	e.Seconds = lastMoment(f, e.Bytes)
	return e, nil
}

// lastMoment is the time of the last line, counted from the beginning.
func lastMoment(f *os.File, size int64) float64 {
	const enough = 1 << 20
	tail := make([]byte, min(size, enough))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return 0
	}
	lines := bytes.Split(bytes.TrimSpace(tail), []byte("\n"))
	var event []any
	if json.Unmarshal(lines[len(lines)-1], &event) != nil || len(event) == 0 {
		return 0
	}
	seconds, _ := event[0].(float64) // no event: only the header is there
	return seconds
}

// Open is the file of that name in the list.
func (s *Store) Open(name string) (*os.File, error) {
	if !filepath.IsLocal(name) || !strings.HasSuffix(name, whole) {
		return nil, os.ErrNotExist
	}
	return os.Open(filepath.Join(s.dir, name))
}
