package keep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"homelab/cloud/dnsd"
)

// Client talks to the process that Serve runs in. It may come later, or again.
type Client struct {
	path string
	mu   sync.Mutex
	conn *net.UnixConn
	last *dnsd.Set
}

// NewClient talks over the unix socket at path.
func NewClient(path string) *Client { return &Client{path: path} }

const patience = 5 * time.Second

// Push sends the records and returns when public DNS answers with them.
// If the process is not there now, Stay sends them as soon as it is.
func (c *Client) Push(s dnsd.Set) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = &s
	_, err := c.askLocked(request{Set: &s})
	return err
}

// Stay sends the latest records again, about once a second, until ctx ends: a restarted process
// has only its fixed names.
func (c *Client) Stay(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
		c.mu.Lock()
		if c.last != nil {
			_, _ = c.askLocked(request{Set: c.last}) // tried again in a second
		}
		c.mu.Unlock()
	}
}

// Listen is a listening socket which stays open when this process dies; without the other process, one of its own.
func (c *Client) Listen(addr netip.AddrPort) (net.Listener, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fd, err := c.askLocked(request{Listen: &addr})
	var no *refusal
	if errors.As(err, &no) {
		return nil, err
	}
	if err != nil {
		return net.Listen("tcp", addr.String())
	}
	f := os.NewFile(uintptr(fd), addr.String())
	defer f.Close() // the listener has a copy of its own
	return net.FileListener(f)
}

// Release closes the kept sockets: who comes now is refused. For an orderly stop.
func (c *Client) Release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = c.askLocked(request{Release: true}) // no other process: nothing is kept
}

// refusal is an answer that says no.
type refusal struct{ what string }

func (r *refusal) Error() string { return r.what }

// askLocked sends one request and reads its answer; fd is a file descriptor that came with it, or -1.
func (c *Client) askLocked(req request) (fd int, err error) {
	if c.conn == nil {
		conn, err := net.DialTimeout("unix", c.path, patience)
		if err != nil {
			return -1, err
		}
		c.conn = conn.(*net.UnixConn)
	}
	fd, err = exchange(c.conn, req)
	var no *refusal
	if err != nil && !errors.As(err, &no) {
		c.conn.Close()
		c.conn = nil
	}
	return fd, err
}

func exchange(conn *net.UnixConn, req request) (fd int, err error) {
	line, err := json.Marshal(req)
	if err != nil {
		return -1, err
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return -1, err
	}
	if _, err := conn.Write(append(line, '\n')); err != nil {
		return -1, err
	}
	// An answer is short, and one message.
	text, control := make([]byte, 4096), make([]byte, syscall.CmsgSpace(4))
	n, cn, _, _, err := conn.ReadMsgUnix(text, control)
	if err != nil {
		return -1, err
	}
	if n == 0 {
		return -1, net.ErrClosed
	}
	var a answer
	if err := json.Unmarshal(text[:n], &a); err != nil {
		return -1, fmt.Errorf("the DNS process answered %q: %w", text[:n], err)
	}
	if a.Error != "" {
		return -1, &refusal{a.Error}
	}
	return received(control[:cn])
}

func received(control []byte) (fd int, err error) {
	messages, err := syscall.ParseSocketControlMessage(control)
	if err != nil || len(messages) == 0 {
		return -1, err
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return -1, fmt.Errorf("the DNS process sent %d sockets: %w", len(fds), err)
	}
	syscall.CloseOnExec(fds[0])
	return fds[0], nil
}
