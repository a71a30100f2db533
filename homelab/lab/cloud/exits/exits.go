// Package exits holds the one error type that decides the program's exit status.
package exits

import (
	"errors"
	"fmt"
)

// Prerequisite is an error of the surroundings (a missing file, a port in use):
// nothing was started, and the status is 3.
type Prerequisite struct {
	What string
	Hint string
}

func (e *Prerequisite) Error() string {
	if e.Hint == "" {
		return e.What
	}
	return e.What + ". Hint: " + e.Hint
}

// Missing makes a Prerequisite.
func Missing(hint, format string, args ...any) error {
	return &Prerequisite{What: fmt.Sprintf(format, args...), Hint: hint}
}

// Status is the exit status that fits err: 0, 3 for a Prerequisite, else 1.
func Status(err error) int {
	var p *Prerequisite
	switch {
	case err == nil:
		return 0
	case errors.As(err, &p):
		return 3
	}
	return 1
}
