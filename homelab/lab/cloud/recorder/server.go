package recorder

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"time"
)

// Server takes recordings and shows them.
type Server struct {
	store *Store
	whoIs func(ctx context.Context, addr netip.AddrPort) (string, error)
	runs  sync.WaitGroup // recordings
}

// New makes the server. whoIs names the node that sends.
func New(store *Store, whoIs func(context.Context, netip.AddrPort) (string, error)) *Server {
	return &Server{store: store, whoIs: whoIs}
}

// Uploads is what a node's SSH server talks to, in both of its ways.
func (s *Server) Uploads() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("HEAD /v2/record", func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor < 2 { // the second way needs HTTP/2
			http.NotFound(w, r)
		}
	})
	m.HandleFunc("POST /v2/record", s.recordAcknowledging)
	m.HandleFunc("POST /record", s.record)
	return m
}

// begin starts a recording for the node that asks.
func (s *Server) begin(r *http.Request) (*Recording, error) {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return nil, err
	}
	host, err := s.whoIs(r.Context(), addr)
	if err != nil {
		log.Printf("who is %s? %v", addr, err)
		host = addr.Addr().String()
	}
	rec, err := s.store.Begin(firstLabel(host), time.Now())
	if err == nil {
		s.runs.Add(1)
		log.Printf("%s: begins", rec.Name)
	}
	return rec, err
}

func firstLabel(name string) string {
	if _, err := netip.ParseAddr(name); err == nil {
		return name
	}
	for i, c := range name {
		if c == '.' {
			return name[:i]
		}
	}
	return name
}

// record is the older way: the recording is the request, and the status says how it went.
func (s *Server) record(w http.ResponseWriter, r *http.Request) {
	rec, err := s.begin(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	n, err := io.Copy(rec, r.Body)
	if err := s.end(rec, n, err); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (s *Server) end(rec *Recording, n int64, err error) error {
	defer s.runs.Done()
	ending := rec.End(err == nil)
	switch {
	case err != nil:
		log.Printf("%s: cut after %d bytes: %v", rec.Name, n, err)
	case ending == nil:
		log.Printf("%s: whole, %d bytes", rec.Name, n)
	}
	return errors.Join(err, ending)
}

// A node that hears nothing for 30 s gives the recorder up.
const ackEvery = 5 * time.Second

// frame is one line of our answer.
type frame struct {
	Ack   int64  `json:"ack,omitempty"`
	Error string `json:"error,omitempty"`
}

// recordAcknowledging is the newer way: while the recording comes in, the answer says how much is kept.
func (s *Server) recordAcknowledging(w http.ResponseWriter, r *http.Request) {
	rec, err := s.begin(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	out := json.NewEncoder(w)
	flush := http.NewResponseController(w).Flush
	w.WriteHeader(http.StatusOK)
	_ = flush() // the node has gone: reading says so
	came, over := make(chan int64), make(chan error, 1)
	go func() { over <- receive(rec, r.Body, came, r.Context().Done()) }()
	var kept int64
	for tick := time.NewTicker(ackEvery); ; {
		select {
		case n := <-came:
			kept += n
		case <-tick.C:
		case err := <-over:
			tick.Stop()
			if err := s.end(rec, kept, err); err != nil {
				_ = out.Encode(frame{Error: err.Error()})
			}
			return
		}
		_ = out.Encode(frame{Ack: kept})
		_ = flush()
	}
}

// receive copies the recording into its file and tells how much came.
func receive(rec *Recording, from io.Reader, came chan<- int64, gone <-chan struct{}) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if _, err := rec.Write(buf[:n]); err != nil {
			return err
		}
		if n > 0 {
			select {
			case came <- int64(n):
			case <-gone:
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Page shows the recordings: a list, and each one's file.
func (s *Server) Page() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/recordings", http.StatusFound)
	})
	m.HandleFunc("GET /recordings", func(w http.ResponseWriter, r *http.Request) {
		list, err := s.store.List()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(list) // the reader has gone: no news
	})
	m.HandleFunc("GET /recordings/{host}/{file}", func(w http.ResponseWriter, r *http.Request) {
		f, err := s.store.Open(r.PathValue("host") + "/" + r.PathValue("file"))
		if errors.Is(err, os.ErrNotExist) {
			http.Error(w, "there is no such recording", http.StatusNotFound)
			return
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer f.Close()
		w.Header().Set("Content-Type", "application/x-asciicast")
		_, _ = io.Copy(w, f) // the reader has gone: no news
	})
	return m
}
