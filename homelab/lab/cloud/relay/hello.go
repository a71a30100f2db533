package relay

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"
)

var errHeard = errors.New("heard enough")

// hello reads a visitor's first TLS message: the name that it asks for, and the bytes themselves,
// which the node will want to have.
func hello(visitor net.Conn) (name string, first []byte, err error) {
	var read bytes.Buffer
	heard := false
	err = tls.Server(listener{visitor, io.TeeReader(visitor, &read)}, &tls.Config{
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			name, heard = h.ServerName, true
			return nil, errHeard
		}}).Handshake()
	if !heard {
		return "", nil, err
	}
	return name, read.Bytes(), nil
}

// listener is a connection that hears and says nothing: the answer is the node's.
type listener struct {
	net.Conn
	from io.Reader
}

func (l listener) Read(p []byte) (int, error)       { return l.from.Read(p) }
func (l listener) Write(p []byte) (int, error)      { return len(p), nil }
func (l listener) SetWriteDeadline(time.Time) error { return nil }
func (l listener) Close() error                     { return nil }
