package api

import (
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"homelab/images/jellyfin/store"
)

func (s *Server) systemRoutes() map[string]route {
	return map[string]route{
		"GET /health":                      {anybody, s.health},
		"GET /system/ping":                 {anybody, s.ping},
		"POST /system/ping":                {anybody, s.ping},
		"GET /system/info/public":          {anybody, s.publicInfo},
		"GET /system/info":                 {setupOrUser, s.info},
		"GET /system/endpoint":             {user, s.endpoint},
		"GET /system/configuration":        {user, s.configuration},
		"POST /system/configuration":       {admin, s.setConfiguration},
		"GET /system/configuration/{key}":  {user, s.named},
		"POST /system/configuration/{key}": {admin, s.setNamed},
		"POST /system/restart":             {admin, func(*call) (any, error) { go s.Stop(true); return nil, nil }},
		"POST /system/shutdown":            {admin, func(*call) (any, error) { go s.Stop(false); return nil, nil }},
		"GET /branding/configuration":      {anybody, s.branding},
		"GET /branding/css":                {anybody, func(*call) (any, error) { return nil, nil }},
		"GET /branding/css.css":            {anybody, func(*call) (any, error) { return nil, nil }},
	}
}

func (s *Server) health(c *call) (any, error) {
	_, err := c.w.Write([]byte("Healthy"))
	return sent{}, err
}

func (s *Server) ping(*call) (any, error) { return "Jellyfin Server", nil }

func (s *Server) publicInfo(c *call) (any, error) {
	view := fields{
		"LocalAddress": "http://" + c.r.Host, "Version": s.Store.Version.String(), "ProductName": "Jellyfin Server",
		"OperatingSystem": "",
	}
	s.Store.Read(func(state *store.State) {
		view["ServerName"] = state.Configuration.ServerName
		view["Id"], view["StartupWizardCompleted"] = state.ServerID, state.WizardCompleted
	})
	return view, nil
}

func (s *Server) info(c *call) (any, error) {
	public, _ := s.publicInfo(c)
	view := public.(fields)
	for name, value := range (fields{
		"PackageName": "homelab stand-in", "HasPendingRestart": false, "IsShuttingDown": false,
		"SupportsLibraryMonitor": false, "WebSocketPortNumber": 8096, "CompletedInstallations": []fields{},
		"CanSelfRestart": true, "CanLaunchWebBrowser": false, "ProgramDataPath": filepath.Dir(s.Data), "CachePath": s.Cache,
		"WebPath": os.Getenv("JELLYFIN_WEB_DIR"), "LogPath": filepath.Join(filepath.Dir(s.Data), "log"),
		"HasUpdateAvailable": false, "SystemArchitecture": map[string]string{"amd64": "X64", "arm64": "Arm64"}[runtime.GOARCH],
		"CastReceiverApplications": []fields{},
	}) {
		view[name] = value
	}
	return view, nil
}

func (s *Server) endpoint(c *call) (any, error) {
	near := strings.HasPrefix(c.r.RemoteAddr, "127.") || strings.HasPrefix(c.r.RemoteAddr, "[::1]")
	return fields{"IsLocal": near, "IsInNetwork": near}, nil
}

func (s *Server) configuration(*call) (any, error) {
	var out store.Configuration
	s.Store.Read(func(state *store.State) { out = state.Configuration })
	return out, nil
}

// setConfiguration replaces the configuration: what the body lacks takes its default value, as over there.
func (s *Server) setConfiguration(c *call) (any, error) {
	in := store.Defaults(s.Store.Version)
	if err := c.body(&in); err != nil {
		return nil, err
	}
	return nil, s.Store.Change(func(state *store.State) error {
		in.IsStartupWizardCompleted = state.WizardCompleted
		state.Configuration = in
		return nil
	})
}

func (s *Server) branding(*call) (any, error) {
	return fields{"LoginDisclaimer": "This is the lab's stand-in for Jellyfin.", "CustomCss": "", "SplashscreenEnabled": false}, nil
}

// standard holds the named configurations that exist, with their defaults.
func standard(key string) (map[string]any, bool) {
	switch key {
	case "encoding":
		return map[string]any{
			"HardwareAccelerationType": "none", "EncodingThreadCount": -1, "VaapiDevice": "/dev/dri/renderD128",
			"QsvDevice": "", "EnableHardwareEncoding": true, "AllowHevcEncoding": false, "AllowAv1Encoding": false,
			"EnableTonemapping": false, "EnableThrottling": false, "H264Crf": 23, "H265Crf": 28, "EncoderPreset": "auto",
			"HardwareDecodingCodecs": []any{"h264", "vc1"}, "EnableDecodingColorDepth10Hevc": true,
			"EnableEnhancedNvdecDecoder": true, "PreferSystemNativeHwDecoder": true, "EnableSubtitleExtraction": true,
		}, true
	case "network":
		return map[string]any{"EnableRemoteAccess": true, "InternalHttpPortNumber": 8096, "PublicHttpPortNumber": 8096,
			"BaseUrl": "", "KnownProxies": []any{}, "LocalNetworkSubnets": []any{}}, true
	}
	return nil, false
}

// accelerations are the values of the schema HardwareAccelerationType.
var accelerations = map[string]bool{
	"none": true, "amf": true, "qsv": true, "nvenc": true, "v4l2m2m": true, "vaapi": true, "videotoolbox": true, "rkmpp": true,
}

func (s *Server) named(c *call) (any, error) {
	key := c.r.PathValue("key")
	out, known := standard(key)
	if !known {
		return nil, refusal{http.StatusNotFound, "Configuration with key " + key + " not found."}
	}
	s.Store.Read(func(state *store.State) {
		for name, value := range state.Named[key] {
			out[name] = value
		}
	})
	return out, nil
}

func (s *Server) setNamed(c *call) (any, error) {
	key := c.r.PathValue("key")
	known, ok := standard(key)
	if !ok {
		return nil, refusal{http.StatusNotFound, "Configuration with key " + key + " not found."}
	}
	in := map[string]any{}
	if err := c.body(&in); err != nil {
		return nil, err
	}
	for name, value := range in {
		if _, exists := known[name]; exists {
			known[name] = value
		}
	}
	if kind, isText := known["HardwareAccelerationType"].(string); key == "encoding" && (!isText || !accelerations[kind]) {
		return nil, badRequest("HardwareAccelerationType has a value that does not exist")
	}
	return nil, s.Store.Change(func(state *store.State) error {
		state.Named[key] = known
		return nil
	})
}
