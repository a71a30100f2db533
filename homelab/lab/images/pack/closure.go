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

// program is a file that may be linked to libraries, here and in the image.
type program struct{ source, at string }

// closure adds the loader and all libraries that a program is linked to, as the loader would find them.
func (r *Recipe) closure(p program, below map[string]bool, files map[string]*file) error {
	return r.needs(p, nil, below, files, map[string]bool{})
}

func (r *Recipe) needs(p program, inherited []string, below map[string]bool, files map[string]*file, seen map[string]bool) error {
	if seen[p.source] {
		return nil
	}
	seen[p.source] = true
	binary, err := elf.Open(p.source)
	var notELF *elf.FormatError
	if errors.As(err, &notELF) || isShort(p.source) {
		return nil
	} else if err != nil {
		return err
	}
	defer binary.Close()
	names, err := binary.ImportedLibraries()
	if err != nil {
		return nil // linked to nothing
	}
	if loader := interpreter(binary); loader != "" {
		names = append(names, loader)
	}
	// A library's own search path counts for its own needs; an inherited one for all below it.
	paths := append(searchPath(binary, p.at), inherited...)
	for _, name := range names {
		found, err := r.search(name, paths, below, files)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(p.source), err)
		}
		if found.source == "" {
			continue // it is in the image, and what it needs
		}
		if files[found.at], err = (Entry{}).copyOf(found.source); err != nil {
			return err
		}
		if err := r.needs(found, paths, below, files, seen); err != nil {
			return err
		}
	}
	return nil
}

// search finds a library or a loader; without a source if the image has it already.
func (r *Recipe) search(name string, first []string, below map[string]bool, files map[string]*file) (program, error) {
	folders := append(first[:len(first):len(first)], r.Libraries...)
	if strings.Contains(name, "/") {
		folders, name = []string{path.Dir(name)}, path.Base(name)
	}
	for i, folder := range folders {
		at := r.merged(path.Join(folder, name))
		if below[at] || files[at] != nil {
			return program{at: at}, nil
		}
		for _, root := range r.Roots {
			source := filepath.Join(root, at)
			if info, err := os.Stat(source); err != nil || info.IsDir() {
				continue
			}
			if i >= len(first) && len(folders) > 1 { // such as an alternative's folder: images have neither links nor a cache
				at = r.merged(path.Join(r.Libraries[0], name))
			}
			return program{source, at}, nil
		}
	}
	for at := range files { // a wheel's own library, which those that need it have loaded before
		if path.Base(at) == name {
			return program{at: at}, nil
		}
	}
	return program{}, fmt.Errorf("library %s is in none of %s", name, strings.Join(r.Roots, ", "))
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
