// Package recorder keeps recordings of shell sessions, as the real session recorder does: it plays
// that machine in the lab.
package recorder

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// A recording is HOST/TIME.cast. While it runs, and when it was cut, its name says so: a file
// named plainly is whole.
const (
	whole   = ".cast"
	running = ".running.cast"
	cut     = ".cut.cast"
)

// Store is a folder of recordings.
type Store struct{ dir string }

// Open opens the folder. What a killed recorder left running was cut.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	left, err := filepath.Glob(filepath.Join(dir, "*", "*"+running))
	if err != nil {
		return nil, err
	}
	for _, path := range left {
		if err := os.Rename(path, strings.TrimSuffix(path, running)+cut); err != nil {
			return nil, err
		}
	}
	return &Store{dir}, nil
}

var oddInName = regexp.MustCompile(`[^a-z0-9.-]+`)

// Recording is one that runs. Only whole lines get into its file, so that it can be played at any moment.
type Recording struct {
	Name string // HOST/TIME
	path string // less its ending
	file *os.File
	rest []byte // a line that is not whole yet
}

// Begin starts a recording of a session on host.
func (s *Store) Begin(host string, now time.Time) (*Recording, error) {
	host = strings.Trim(oddInName.ReplaceAllString(strings.ToLower(host), "-"), ".-")
	if host == "" {
		host = "unknown"
	}
	if err := os.MkdirAll(filepath.Join(s.dir, host), 0o700); err != nil {
		return nil, err
	}
	name := host + "/" + now.UTC().Format("20060102T150405.000000000")
	r := &Recording{Name: name, path: filepath.Join(s.dir, name)}
	var err error
	r.file, err = os.OpenFile(r.path+running, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	return r, err
}

// A line holds what a session printed at once; without a bound a broken client would fill our memory.
const longestLine = 16 << 20

// Write adds what came.
func (r *Recording) Write(p []byte) (int, error) {
	r.rest = append(r.rest, p...)
	end := bytes.LastIndexByte(r.rest, '\n') + 1
	if end > 0 {
		if _, err := r.file.Write(r.rest[:end]); err != nil {
			return 0, err
		}
		r.rest = append(r.rest[:0], r.rest[end:]...)
	}
	if len(r.rest) > longestLine {
		return 0, fmt.Errorf("a line of more than %d bytes is no recording", longestLine)
	}
	return len(p), nil
}

// End closes the recording: whole, or cut.
func (r *Recording) End(isWhole bool) error {
	ending := cut
	if isWhole && len(r.rest) == 0 {
		ending = whole
	}
	if err := r.file.Sync(); err != nil {
		return err
	}
	if err := r.file.Close(); err != nil {
		return err
	}
	return os.Rename(r.path+running, r.path+ending)
}
