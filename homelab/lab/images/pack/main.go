// Command pack makes container images from a recipe, the same bytes from the same inputs.
//
//	pack RECIPE.json FOLDER
//
// FOLDER gets blobs/sha256/… and tags.json, which has the manifest's digest for every tag.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: pack RECIPE.json FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintf(os.Stderr, "pack: %v\n", err)
		os.Exit(1)
	}
}

func run(recipe, folder string) error {
	text, err := os.ReadFile(recipe)
	if err != nil {
		return err
	}
	var r Recipe
	if err := json.Unmarshal(text, &r); err != nil {
		return fmt.Errorf("%s: %w", recipe, err)
	}
	tags, err := r.Pack(folder)
	if err != nil {
		return err
	}
	text, err = json.MarshalIndent(tags, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "tags.json"), append(text, '\n'), 0o644)
}
