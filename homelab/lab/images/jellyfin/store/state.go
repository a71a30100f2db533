package store

import "time"

// State is everything that the server remembers.
type State struct {
	ServerID        string
	WizardCompleted bool
	Configuration   Configuration
	Named           map[string]map[string]any // System/Configuration/{key}: encoding, network, branding
	Users           []User
	Devices         []Device
	Libraries       []Library
	Items           []Item
	Watch           map[string]map[string]Watch // user → item
}

// Configuration is the part of ServerConfiguration that means something here; field names are the API's.
type Configuration struct {
	ServerName                string
	UICulture                 string
	MetadataCountryCode       string
	PreferredMetadataLanguage string
	EnableLegacyAuthorization bool
	IsStartupWizardCompleted  bool
	// A film counts as begun after MinResumePct percent and as seen after MaxResumePct;
	// one that is shorter than MinResumeDurationSeconds is never resumed.
	MinResumePct             int
	MaxResumePct             int
	MinResumeDurationSeconds int
}

// User is somebody who can log in.
type User struct {
	ID             string
	Name           string
	NormalizedName string `json:",omitempty"` // since 12.0
	PasswordHash   string
	Administrator  bool
	LastLogin      time.Time
}

// Device is one login; TokenHash is the SHA-256 of its access token.
type Device struct {
	TokenHash string
	UserID    string
	ID        string
	Name      string
	App       string
	Version   string
}

// Library is what the API calls a virtual folder.
type Library struct {
	ID             string
	Name           string
	CollectionType string
	Locations      []string
}

// Item is a film. A tick is 100 ns.
type Item struct {
	ID           string
	LibraryID    string
	Type         string // Movie or Video
	Name         string
	Year         int
	Path         string
	Container    string
	Size         int64
	Modified     time.Time
	Created      time.Time
	RunTimeTicks int64 // 0: unknown, there was no ffprobe
	Bitrate      int64
	Streams      []Stream
}

// Stream is one track of a film, as ffprobe tells.
type Stream struct {
	Index    int
	Type     string // Video, Audio, Subtitle
	Codec    string
	Profile  string `json:",omitempty"`
	Language string `json:",omitempty"`
	Width    int    `json:",omitempty"`
	Height   int    `json:",omitempty"`
	Channels int    `json:",omitempty"`
	Rate     int    `json:",omitempty"` // audio samples a second
	Bitrate  int64  `json:",omitempty"`
	FPS      float64
	Default  bool
}

// Watch is how far a user has seen an item.
type Watch struct {
	PositionTicks int64
	PlayCount     int
	Played        bool
	Favorite      bool
	LastPlayed    time.Time
}

// Defaults is the configuration of a new server.
func Defaults(v Version) Configuration {
	return Configuration{
		UICulture: "en-US", MetadataCountryCode: "US", PreferredMetadataLanguage: "en",
		EnableLegacyAuthorization: v.LegacyAuthorization(),
		MinResumePct:              5, MaxResumePct: 90, MinResumeDurationSeconds: 300,
	}
}

func fresh(id, name string, v Version) State {
	state := State{
		ServerID: id, Configuration: Defaults(v), Named: map[string]map[string]any{}, Watch: map[string]map[string]Watch{},
	}
	state.Configuration.ServerName = name
	return state
}
