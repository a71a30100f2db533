package tailnet

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"homelab/cloud/atomicfile"
	"homelab/cloud/exits"
	"homelab/cloud/policy"
)

// FileName is the state's name in the state folder.
const FileName = "state.json"

// What a node says of itself (end points, host info) comes again after a crash by itself:
// it is saved at leisure.
const lazySave = 500 * time.Millisecond

// SaveError says that a change was not made, for it could not be saved.
type SaveError struct{ Err error }

func (e *SaveError) Error() string {
	return "the change was not made, for the cloud cannot save its state: " + e.Err.Error()
}
func (e *SaveError) Unwrap() error { return e.Err }

// Tailnet holds the State in force, and shows one tailnet of it; the one of Open, all.
type Tailnet struct {
	*core
	realm string
	all   bool
}

type core struct {
	file      string
	cur       atomic.Pointer[State]
	mu        sync.Mutex // one change after the other
	dirty     bool
	closed    bool
	presence  *presence
	primaries primaries
	write     func(path string, data []byte, mode os.FileMode) error
}

// Open reads the state in dir, or starts the tailnet that initial makes.
func Open(dir string, initial func() (*State, error)) (*Tailnet, error) {
	t := &Tailnet{core: &core{file: filepath.Join(dir, FileName), write: atomicfile.Write}, all: true}
	t.presence = newPresence(t)
	data, err := os.ReadFile(t.file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		s, err := initial()
		if err != nil {
			return nil, err
		}
		s.Schema = Schema
		s.fill()
		if err := t.save(s); err != nil {
			return nil, exits.Missing("free some space, or choose a folder that you may write", "cannot write the state: %v", err)
		}
		t.cur.Store(s)
		return t, nil
	case err != nil:
		return nil, exits.Missing("", "cannot read the state: %v", err)
	}
	s, err := parse(data)
	if err != nil {
		return nil, exits.Missing("`lab down` forgets the lab; or move the file away and start afresh", "%s is not usable: %v", t.file, err)
	}
	t.cur.Store(s)
	return t, nil
}

func parse(data []byte) (*State, error) {
	var head struct{ Schema int }
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("it is damaged (%v)", err)
	}
	if head.Schema < Schema {
		return nil, fmt.Errorf("it was written by an older version (schema %d; this version reads %d)", head.Schema, Schema)
	}
	if head.Schema > Schema {
		return nil, fmt.Errorf("it was written by a newer version (schema %d; this version reads %d)", head.Schema, Schema)
	}
	s := &State{}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("it is damaged (%v)", err)
	}
	if s.Noise.IsZero() || s.Domain == "" {
		return nil, errors.New("it is damaged (no control key, or no name)")
	}
	s.fill()
	p, err := policy.Parse([]byte(s.PolicyText))
	if err != nil {
		return nil, fmt.Errorf("the policy in it is damaged: %w", err)
	}
	s.policy = p
	for id, r := range s.Others {
		if r.policy, err = policy.Parse([]byte(r.PolicyText)); err != nil {
			return nil, fmt.Errorf("the policy of %s in it is damaged: %w", id, err)
		}
		r.ID = id
	}
	return s, nil
}

func (t *Tailnet) save(s *State) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return t.write(t.file, data, 0o600)
}

// In shows one tailnet.
func (t *Tailnet) In(realm string) *Tailnet { return &Tailnet{core: t.core, realm: realm} }

// View is the State in force. Do not write into it.
func (t *Tailnet) View() *State { return t.part(t.cur.Load()) }

func (t *Tailnet) part(s *State) *State {
	if t.all {
		return s
	}
	return s.In(t.realm)
}

// Update makes a change that must not be lost: it is saved before anybody sees it.
// If f fails, or saving does (a *SaveError), nothing has changed.
func (t *Tailnet) Update(f func(*State) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := t.cur.Load().clone()
	part := t.part(next)
	if err := f(part); err != nil {
		return err
	}
	next.merge(part)
	if err := t.save(next); err != nil {
		log.Printf("state: %v", err)
		return &SaveError{err}
	}
	t.dirty = false
	t.cur.Store(next)
	t.presence.wakeAll()
	return nil
}

// Touch makes a change that comes again by itself if it is lost; it is saved soon.
func (t *Tailnet) Touch(f func(*State)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := t.cur.Load().clone()
	f(next)
	t.cur.Store(next)
	t.presence.wakeAll()
	if !t.dirty {
		t.dirty = true
		time.AfterFunc(lazySave, t.Flush)
	}
}

// Flush saves what Touch has left unsaved.
func (t *Tailnet) Flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.dirty || t.closed {
		return
	}
	if err := t.save(t.cur.Load()); err != nil {
		log.Printf("state: %v (will try again)", err)
		time.AfterFunc(5*time.Second, t.Flush)
		return
	}
	t.dirty = false
}

// Close saves what is unsaved, the last time.
func (t *Tailnet) Close() {
	t.Flush()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
}
