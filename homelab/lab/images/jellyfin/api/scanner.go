package api

import (
	"log"
	"os"
	"sync"
	"time"

	"homelab/images/jellyfin/media"
	"homelab/images/jellyfin/store"
)

// scanner is the task that reads the libraries; one runs at a time, and a request while it runs starts one more.
type scanner struct {
	mutex   sync.Mutex
	running bool
	again   bool
	percent float64
	last    fields // TaskResult
}

const (
	scanID   = "7738148ffcd07979c7ceb148e06b3aed"
	scanKey  = "RefreshLibrary"
	scanName = "Scan Media Library"
)

func (s *scanner) now() (percent float64, running bool, last fields) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.percent, s.running, s.last
}

func (s *scanner) progress(percent float64) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.percent = percent
}

// StartScan begins to read the libraries and returns at once.
func (s *Server) StartScan() {
	s.scan.mutex.Lock()
	defer s.scan.mutex.Unlock()
	if s.scan.running {
		s.scan.again = true
		return
	}
	s.scan.running, s.scan.percent = true, 0
	go s.scanAll()
}

func (s *Server) scanAll() {
	for {
		result := s.scanOnce()
		s.scan.mutex.Lock()
		s.scan.last = result
		s.scan.running = s.scan.again && s.Base.Err() == nil
		s.scan.again, s.scan.percent = false, 0
		more := s.scan.running
		s.scan.mutex.Unlock()
		if !more {
			return
		}
	}
}

func (s *Server) scanOnce() fields {
	begin := time.Now().UTC()
	var libraries []store.Library
	var before []store.Item
	s.Store.Read(func(state *store.State) {
		libraries = append(libraries, state.Libraries...)
		before = append(before, state.Items...)
	})
	probing := func(percent float64) { s.scan.progress(percent / 2) }
	found := media.Scan(s.Base, s.Tools, libraries, before, probing, s.complain)
	for i, item := range found { // the other half of the work: a picture of each
		if s.Base.Err() == nil {
			s.grab(item)
		}
		s.scan.progress(50 + 50*float64(i+1)/float64(len(found)))
	}
	err := s.Store.Change(func(state *store.State) error {
		state.Items = nil
		for _, item := range found { // a library may have gone in the meantime
			for _, l := range state.Libraries {
				if l.ID == item.LibraryID {
					state.Items = append(state.Items, item)
				}
			}
		}
		return nil
	})
	end := time.Now().UTC()
	result := fields{"StartTimeUtc": begin, "EndTimeUtc": end, "Status": "Completed", "Name": scanName, "Key": scanKey, "Id": scanID}
	if err != nil {
		result["Status"], result["ErrorMessage"] = "Failed", err.Error()
	}
	log.Printf("[INF] %s: %d items after %.1f s", scanName, len(found), end.Sub(begin).Seconds())
	return result
}

// grab makes an item's poster unless it has one; where there is no ffmpeg there are no posters.
func (s *Server) grab(item store.Item) {
	if s.Tools.FFmpeg == "" || s.hasPoster(item.ID) {
		return
	}
	s.grabs.Lock()
	defer s.grabs.Unlock()
	if err := s.Tools.Poster(s.Base, item, s.poster(item.ID)); err != nil {
		s.complain(err)
	}
}

func (s *Server) hasPoster(id string) bool {
	_, err := os.Stat(s.poster(id))
	return err == nil
}

func (s *Server) tasks(*call) (any, error) { return []fields{s.scanTask()}, nil }

func (s *Server) task(c *call) (any, error) {
	if c.id("id") != scanID {
		return nil, notFound
	}
	return s.scanTask(), nil
}

func (s *Server) startTask(c *call) (any, error) {
	if c.id("id") != scanID {
		return nil, notFound
	}
	s.StartScan()
	return nil, nil
}

func (s *Server) scanTask() fields {
	percent, running, last := s.scan.now()
	view := fields{
		"Name": scanName, "State": "Idle", "Id": scanID, "Triggers": []fields{}, "Key": scanKey, "Category": "Library",
		"Description": "Scans your media library for new files and refreshes metadata.", "IsHidden": false,
	}
	if running {
		view["State"], view["CurrentProgressPercentage"] = "Running", percent
	}
	if last != nil {
		view["LastExecutionResult"] = last
	}
	return view
}
