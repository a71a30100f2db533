// Package password keeps passwords as PBKDF2-SHA512 hashes, in the text form that Jellyfin's database has.
package password

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"
)

// iterations is what Jellyfin uses; it makes one check cost tens of milliseconds.
const iterations = 210_000

// Hash returns text that Check accepts for this password only.
func Hash(password string) (string, error) {
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	key, err := pbkdf2.Key(sha512.New, password, salt, iterations, 64)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("$PBKDF2-SHA512$iterations=%d$%X$%X", iterations, salt, key), nil
}

// Check tells whether hash was made from password.
func Check(hash, password string) bool {
	parts := strings.Split(hash, "$")
	if len(parts) != 5 || parts[1] != "PBKDF2-SHA512" {
		return false
	}
	var rounds int
	if _, err := fmt.Sscanf(parts[2], "iterations=%d", &rounds); err != nil {
		return false
	}
	salt, err1 := hex.DecodeString(parts[3])
	want, err2 := hex.DecodeString(parts[4])
	if err1 != nil || err2 != nil {
		return false
	}
	got, err := pbkdf2.Key(sha512.New, password, salt, rounds, len(want))
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1
}
