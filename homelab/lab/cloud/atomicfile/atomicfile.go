// Package atomicfile replaces a file so that a crash leaves the old or the new one, never a part.
package atomicfile

import (
	"os"
	"path/filepath"
)

// Write puts data into path by way of a new file beside it.
// On error the old file is as it was and nothing is left beside it.
func Write(path string, data []byte, mode os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err = f.Chmod(mode); err != nil {
		return err
	}
	if _, err = f.Write(data); err != nil {
		return err
	}
	// Without it a power cut can leave the new name with no contents.
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
