package main

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Entry is one thing in a layer; which of its sources is set says what it is.
type Entry struct {
	Path  string   `json:"path"` // in the image
	Mode  *uint32  `json:"mode"`
	UID   int      `json:"uid"`
	GID   int      `json:"gid"`
	Dir   bool     `json:"dir"`   // a folder
	Text  *string  `json:"text"`  // a file of this text
	Link  string   `json:"link"`  // a symbolic link to this
	File  string   `json:"file"`  // a copy of this file, symbolic links followed
	Tree  string   `json:"tree"`  // a copy of this folder
	Skip  []string `json:"skip"`  // what of a tree is left out: names, or paths from its top
	Needs bool     `json:"needs"` // with the libraries that File, or any program in Tree, is linked to
}

// file is one thing of an archive.
type file struct {
	header tar.Header
	source string // of a regular file; else its bytes are in text
	text   string
}

func (f *file) write(to *tar.Writer, name string, created time.Time) error {
	h := f.header
	h.Name, h.Format = strings.TrimPrefix(name, "/"), tar.FormatPAX
	if h.ModTime.IsZero() {
		h.ModTime = created
	}
	h.ModTime = h.ModTime.Truncate(time.Second)
	switch {
	case h.Typeflag == tar.TypeDir:
		h.Name += "/"
	case f.source != "":
		in, err := os.Open(f.source)
		if err != nil {
			return err
		}
		defer in.Close()
		info, err := in.Stat()
		if err != nil {
			return err
		}
		h.Size = info.Size()
		if err := to.WriteHeader(&h); err != nil {
			return err
		}
		_, err = io.Copy(to, in)
		return err
	default:
		h.Size = int64(len(f.text))
	}
	if err := to.WriteHeader(&h); err != nil {
		return err
	}
	_, err := io.WriteString(to, f.text)
	return err
}

// gather is every file of a layer by its path; what a program needs is left out where it lies below.
func (r *Recipe) gather(l Layer, below map[string]bool) (map[string]*file, error) {
	files := map[string]*file{}
	for _, e := range l.Entries {
		var programs []program
		var err error
		switch {
		case e.Dir:
			files[clean(e.Path)] = e.as(tar.TypeDir, 0o755)
		case e.Text != nil:
			files[clean(e.Path)] = e.as(tar.TypeReg, 0o644)
			files[clean(e.Path)].text = *e.Text
		case e.Link != "":
			files[clean(e.Path)] = e.as(tar.TypeSymlink, 0o777)
			files[clean(e.Path)].header.Linkname = e.Link
		case e.File != "":
			var source string
			if source, err = r.find(e.File); err == nil {
				files[clean(e.Path)], err = e.copyOf(source)
				programs = append(programs, program{source, clean(e.Path)})
			}
		case e.Tree != "":
			programs, err = r.tree(e, files)
		default:
			err = fmt.Errorf("nothing says what it is")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Path, err)
		}
		if !e.Needs {
			continue
		}
		for _, p := range programs {
			if err := r.closure(p, below, files); err != nil {
				return nil, fmt.Errorf("%s: %w", e.Path, err)
			}
		}
	}
	withFolders(files, below)
	return files, nil
}

func (e Entry) as(kind byte, mode int64) *file {
	if e.Mode != nil {
		mode = int64(*e.Mode)
	}
	return &file{header: tar.Header{Typeflag: kind, Mode: mode, Uid: e.UID, Gid: e.GID}}
}

func (e Entry) copyOf(source string) (*file, error) {
	info, err := os.Stat(source)
	if err != nil {
		return nil, err
	}
	f := e.as(tar.TypeReg, int64(info.Mode().Perm()|0o444))
	f.source = source
	return f, nil
}

// tree copies a folder; it tells the files in it, any of which may be a program.
func (r *Recipe) tree(e Entry, files map[string]*file) (programs []program, err error) {
	top, err := r.find(e.Tree)
	if err != nil {
		return nil, err
	}
	top, err = filepath.EvalSymlinks(top)
	if err != nil {
		return nil, err
	}
	err = filepath.WalkDir(top, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(top, at) // at lies below top
		if rel != "." && (slices.Contains(e.Skip, d.Name()) || slices.Contains(e.Skip, rel)) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		to := clean(path.Join(e.Path, rel))
		switch {
		case d.IsDir():
			files[to] = Entry{UID: e.UID, GID: e.GID}.as(tar.TypeDir, 0o755)
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(at)
			if err != nil {
				return err
			}
			files[to] = Entry{UID: e.UID, GID: e.GID}.as(tar.TypeSymlink, 0o777)
			files[to].header.Linkname = target
		case d.Type().IsRegular():
			files[to], err = Entry{UID: e.UID, GID: e.GID}.copyOf(at)
			programs = append(programs, program{at, to})
		}
		return err
	})
	return programs, err
}

// find is where a path lies: in the first root that has it. A path of the building machine begins with "//".
func (r *Recipe) find(name string) (string, error) {
	if at, ok := strings.CutPrefix(name, "//"); ok {
		return "/" + at, nil
	}
	for _, root := range r.Roots {
		at := filepath.Join(root, name)
		if _, err := os.Stat(at); err == nil {
			return at, nil
		}
	}
	return "", fmt.Errorf("%s is in none of %s", name, strings.Join(r.Roots, ", "))
}

// withFolders adds the folders that lie above the files and in no layer below.
func withFolders(files map[string]*file, below map[string]bool) {
	for name := range files {
		for up := path.Dir(name); up != "/"; up = path.Dir(up) {
			if files[up] == nil && !below[up] {
				files[up] = Entry{}.as(tar.TypeDir, 0o755)
			}
		}
	}
}

func clean(name string) string { return path.Clean("/" + name) }
