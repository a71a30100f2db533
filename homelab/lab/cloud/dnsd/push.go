package dnsd

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"homelab/cloud/exits"
)

// The protocol on the socket: a line of JSON holds a Set, the answer is a line "ok".

// ListenPush takes Sets for r on a unix socket at path, which it replaces.
func ListenPush(path string, r *Records) (net.Listener, error) {
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return nil, exits.Missing("stop it, or use another state folder", "a DNS process already serves %s", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, exits.Missing("", "cannot replace the socket: %v", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, exits.Missing("a socket's path may have about 100 characters: use a shorter state folder", "cannot listen on %s: %v", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go receive(c, r)
		}
	}()
	return l, nil
}

func receive(c net.Conn, r *Records) {
	defer c.Close()
	in := json.NewDecoder(bufio.NewReader(c))
	for {
		var s Set
		if in.Decode(&s) != nil {
			return
		}
		r.Push(s)
		if _, err := fmt.Fprintln(c, "ok"); err != nil {
			return
		}
	}
}

// Pusher keeps a DNS process told, also after that process was restarted.
type Pusher struct {
	path string
	mu   sync.Mutex
	conn net.Conn
	ack  *bufio.Reader
	last []byte
}

// NewPusher talks to the DNS process that listens on the unix socket at path.
func NewPusher(path string) *Pusher { return &Pusher{path: path} }

// Push sends s and returns when the DNS process answers with it.
// If there is no such process now, Keep sends it as soon as there is.
func (p *Pusher) Push(s Set) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = append(data, '\n')
	return p.sendLocked()
}

func (p *Pusher) sendLocked() error {
	if p.conn == nil {
		c, err := net.DialTimeout("unix", p.path, time.Second)
		if err != nil {
			return err
		}
		p.conn, p.ack = c, bufio.NewReader(c)
	}
	err := p.conn.SetDeadline(time.Now().Add(5 * time.Second))
	if err == nil {
		_, err = p.conn.Write(p.last)
	}
	if err == nil {
		_, err = p.ack.ReadString('\n')
	}
	if err != nil {
		p.conn.Close()
		p.conn = nil
	}
	return err
}

// Keep sends the latest Set again, about once a second, until ctx ends: a restarted DNS process
// has only its fixed names.
func (p *Pusher) Keep(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
		p.mu.Lock()
		if p.last != nil {
			_ = p.sendLocked() // tried again in a second
		}
		p.mu.Unlock()
	}
}
