package api

import (
	"crypto/md5"
	"encoding/hex"
	"sync"
	"time"

	"homelab/images/jellyfin/store"
)

// sessions is who has called lately; as in the real server it is forgotten at a restart.
type sessions struct {
	mutex sync.Mutex
	of    map[string]*session
}

type session struct {
	id      string
	user    store.User
	device  store.Device
	remote  string
	last    time.Time
	playing *store.Item
	state   report
}

func (s *sessions) touch(c *call) session {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.of == nil {
		s.of = map[string]*session{}
	}
	sum := md5.Sum([]byte(c.user.ID + "\x00" + c.device.ID))
	id := hex.EncodeToString(sum[:])
	if s.of[id] == nil {
		s.of[id] = &session{id: id}
	}
	now := s.of[id]
	now.user, now.device, now.remote, now.last = *c.user, c.device, c.r.RemoteAddr, time.Now().UTC()
	return *now
}

func (s *sessions) change(c *call, how func(*session)) {
	id := s.touch(c).id
	s.mutex.Lock()
	defer s.mutex.Unlock()
	how(s.of[id])
}

func (s *sessions) plays(c *call, item store.Item, state report) {
	s.change(c, func(now *session) { now.playing, now.state = &item, state })
}

func (s *sessions) stops(c *call) {
	s.change(c, func(now *session) { now.playing, now.state = nil, report{} })
}

func (s *sessions) end(device store.Device) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for id, now := range s.of {
		if now.device.TokenHash == device.TokenHash {
			delete(s.of, id)
		}
	}
}

func (s *Server) sessions(c *call) (any, error) {
	s.seen.mutex.Lock()
	all := []session{}
	for _, now := range s.seen.of {
		if c.user.Administrator || now.user.ID == c.user.ID {
			all = append(all, *now)
		}
	}
	s.seen.mutex.Unlock()
	views := []fields{}
	for _, now := range all {
		views = append(views, s.sessionView(now))
	}
	return views, nil
}

func (s *Server) sessionView(now session) fields {
	view := fields{
		"Id": now.id, "UserId": now.user.ID, "UserName": now.user.Name, "Client": now.device.App, "ServerId": s.serverID(),
		"DeviceId": now.device.ID, "DeviceName": now.device.Name, "ApplicationVersion": now.device.Version,
		"RemoteEndPoint": now.remote, "LastActivityDate": now.last, "IsActive": time.Since(now.last) < 2*time.Minute,
		"PlayableMediaTypes": []string{"Video"}, "SupportsMediaControl": false, "SupportsRemoteControl": false,
		"PlayState": fields{"CanSeek": now.playing != nil, "IsPaused": now.state.IsPaused, "IsMuted": false,
			"RepeatMode": "RepeatNone", "PlaybackOrder": "Default"},
	}
	if now.playing != nil {
		if now.state.PositionTicks != nil {
			view["PlayState"].(fields)["PositionTicks"] = *now.state.PositionTicks
		}
		view["PlayState"].(fields)["PlayMethod"] = "DirectPlay"
		s.Store.Read(func(state *store.State) {
			view["NowPlayingItem"] = s.itemView(state, *now.playing, now.user.ID, map[string]bool{})
		})
	}
	return view
}
