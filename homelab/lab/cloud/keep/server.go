package keep

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"

	"homelab/cloud/dnsd"
	"homelab/cloud/exits"
)

// Serve takes requests on a unix socket at path, which it replaces, until the listener is closed.
func Serve(path string, records *dnsd.Records) (net.Listener, error) {
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
	kept := &sockets{open: map[netip.AddrPort]*os.File{}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go converse(c.(*net.UnixConn), records, kept)
		}
	}()
	return l, nil
}

func converse(c *net.UnixConn, records *dnsd.Records, kept *sockets) {
	defer c.Close()
	in := json.NewDecoder(bufio.NewReader(c))
	for {
		var req request
		if in.Decode(&req) != nil {
			return
		}
		var a answer
		var rights []byte
		switch {
		case req.Set != nil:
			records.Push(*req.Set)
		case req.Listen != nil:
			f, err := kept.get(*req.Listen)
			if err != nil {
				a = answer{Error: err.Error()}
			} else {
				rights = syscall.UnixRights(int(f.Fd()))
			}
		case req.Release:
			kept.release()
		}
		line, err := json.Marshal(a)
		if err != nil {
			return
		}
		if _, _, err := c.WriteMsgUnix(append(line, '\n'), rights, nil); err != nil {
			return
		}
	}
}
