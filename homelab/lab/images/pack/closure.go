package main

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// closure adds the loader and all libraries that a program is linked to, as the loader would find them.
func (r *Recipe) closure(program string, below map[string]bool, files map[string]*file) error {
	return r.needs(program, nil, below, files, map[string]bool{})
}

func (r *Recipe) needs(program string, paths []string, below map[string]bool, files map[string]*file, seen map[string]bool) error {
	if seen[program] {
		return nil
	}
	seen[program] = true
	binary, err := elf.Open(program)
	var notELF *elf.FormatError
	if errors.As(err, &notELF) || isShort(program) {
		return nil
	} else if err != nil {
		return err
	}
	defer binary.Close()
	if loader := interpreter(binary); loader != "" {
		if _, err := r.library(loader, loader, below, files); err != nil {
			return err
		}
	}
	names, err := binary.ImportedLibraries()
	if err != nil {
		return nil // linked to nothing
	}
	// A library's own search path counts for its own needs; an inherited one for all below it.
	own := searchPath(binary, r.inRoot(program))
	for _, name := range names {
		found, at, err := r.search(name, append(own[:len(own):len(own)], paths...))
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(program), err)
		}
		if _, err := r.library(found, at, below, files); err != nil {
			return err
		}
		if err := r.needs(found, append(own[:len(own):len(own)], paths...), below, files, seen); err != nil {
			return err
		}
	}
	return nil
}

// library adds one file at the place where programs look for it.
func (r *Recipe) library(source, at string, below map[string]bool, files map[string]*file) (string, error) {
	to := r.merged(at)
	if below[to] || files[to] != nil {
		return to, nil
	}
	if source == at { // a path in the image, the loader's
		var err error
		if source, err = r.find(at); err != nil {
			return "", err
		}
	}
	copied, err := Entry{}.copyOf(source)
	files[to] = copied
	return to, err
}

// search finds a library: the file here, and its path in the image.
func (r *Recipe) search(name string, first []string) (source, at string, err error) {
	for i, folder := range append(first[:len(first):len(first)], r.Libraries...) {
		for _, root := range r.Roots {
			at = path.Join(folder, name)
			source = filepath.Join(root, at)
			if info, err := os.Stat(source); err != nil || info.IsDir() {
				continue
			}
			if i >= len(first) { // such as an alternative's folder: the image has neither links nor a cache
				at = path.Join(r.Libraries[0], name)
			}
			return source, at, nil
		}
	}
	return "", "", fmt.Errorf("library %s is in none of %s", name, strings.Join(r.Roots, ", "))
}

// inRoot is the path of a file without the root that it lies in.
func (r *Recipe) inRoot(file string) string {
	for _, root := range r.Roots {
		if rel, err := filepath.Rel(root, file); err == nil && !strings.HasPrefix(rel, "..") {
			return "/" + rel
		}
	}
	return file
}

// merged is the path with /lib and its like in /usr, as images have it.
func (r *Recipe) merged(at string) string {
	at = clean(at)
	for _, old := range []string{"/lib/", "/lib64/", "/bin/", "/sbin/"} {
		if strings.HasPrefix(at, old) {
			return "/usr" + at
		}
	}
	return at
}

func interpreter(binary *elf.File) string {
	for _, segment := range binary.Progs {
		if segment.Type == elf.PT_INTERP {
			text := make([]byte, segment.Filesz)
			if _, err := segment.ReadAt(text, 0); err == nil {
				return strings.TrimRight(string(text), "\x00")
			}
		}
	}
	return ""
}

func searchPath(binary *elf.File, at string) (folders []string) {
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		texts, err := binary.DynString(tag)
		if err != nil {
			continue
		}
		for _, text := range texts {
			for _, folder := range strings.Split(text, ":") {
				folder = strings.NewReplacer("$ORIGIN", path.Dir(at), "${ORIGIN}", path.Dir(at)).Replace(folder)
				if folder != "" {
					folders = append(folders, path.Clean(folder))
				}
			}
		}
	}
	return folders
}

// isShort says whether a file cannot even hold an ELF header.
func isShort(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Size() < 64
}
