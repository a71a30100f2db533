package relay

import (
	"bytes"
	"io"
	"log"
	"net"
	"path/filepath"
	"sync"
	"time"

	"homelab/cloud/atomicfile"
)

// Seen keeps what the relay saw of the latest visit, so that everybody can look whether there is
// anything to read in it: DIR/there.bytes from the visitor, DIR/back.bytes from the node.
type Seen struct {
	Dir  string
	mu   sync.Mutex
	last time.Time
}

const (
	seenBytes = 16 << 10
	seenEvery = 100 * time.Millisecond // under load not every visit is kept
)

// exchange copies both ways until both have ended.
func (s *Seen) exchange(visitor, node *net.TCPConn, first []byte) {
	there, back := bytes.NewBuffer(bytes.Clone(first)), &bytes.Buffer{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		pump(node, visitor, there)
	}()
	pump(visitor, node, back)
	<-done
	s.keep(there.Bytes(), back.Bytes())
}

// pump copies one way; its beginning also into seen.
func pump(to, from *net.TCPConn, seen io.Writer) {
	n, err := io.Copy(to, io.TeeReader(io.LimitReader(from, seenBytes), seen))
	if err == nil && n == seenBytes {
		_, err = io.Copy(to, from)
	}
	if err != nil { // one of the two has broken off: so does the other
		to.Close()
		from.Close()
		return
	}
	_ = to.CloseWrite() // it may have gone already
}

func (s *Seen) keep(there, back []byte) {
	if s == nil || s.Dir == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.last) < seenEvery {
		return
	}
	s.last = time.Now()
	for name, data := range map[string][]byte{"there.bytes": there, "back.bytes": back} {
		if err := atomicfile.Write(filepath.Join(s.Dir, name), data, 0o600); err != nil {
			log.Printf("cannot keep what was seen: %v", err)
		}
	}
}
