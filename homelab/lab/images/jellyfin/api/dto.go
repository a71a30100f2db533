package api

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"homelab/images/jellyfin/store"
)

// fields is a JSON object; its names are those of the schema in Jellyfin's OpenAPI document.
type fields map[string]any

func (s *Server) serverID() (id string) {
	s.Store.Read(func(state *store.State) { id = state.ServerID })
	return id
}

func userView(state *store.State, u store.User) fields {
	view := fields{
		"Name": u.Name, "ServerId": state.ServerID, "Id": u.ID,
		"HasPassword": u.PasswordHash != "", "HasConfiguredPassword": u.PasswordHash != "",
		"HasConfiguredEasyPassword": false, "EnableAutoLogin": false,
		"Configuration": fields{
			"PlayDefaultAudioTrack": true, "SubtitleMode": "Default", "HidePlayedInLatest": true,
			"RememberAudioSelections": true, "RememberSubtitleSelections": true, "EnableNextEpisodeAutoPlay": true,
		},
		"Policy": fields{
			"IsAdministrator": u.Administrator, "IsHidden": true, "IsDisabled": false, "EnableRemoteAccess": true,
			"EnableMediaPlayback": true, "EnableAllFolders": true, "EnableAllDevices": true,
			"EnableContentDownloading":         true,
			"EnableVideoPlaybackTranscoding":   false, // the stand-in hands files out as they are
			"AuthenticationProviderId":         "Jellyfin.Server.Implementations.Users.DefaultAuthenticationProvider",
			"PasswordResetProviderId":          "Jellyfin.Server.Implementations.Users.DefaultPasswordResetProvider",
			"SyncPlayAccess":                   "None",
			"EnableContentDeletion":            false,
			"EnableUserPreferenceAccess":       true,
			"EnableRemoteControlOfOtherUsers":  false,
			"EnableSharedDeviceControl":        false,
			"EnableAudioPlaybackTranscoding":   false,
			"EnablePlaybackRemuxing":           false,
			"EnableContentDeletionFromFolders": []string{},
		},
	}
	if !u.LastLogin.IsZero() {
		view["LastLoginDate"], view["LastActivityDate"] = u.LastLogin, u.LastLogin
	}
	return view
}

// itemView is a film as user sees it; with names what is sent on top of the basic fields.
func (s *Server) itemView(state *store.State, item store.Item, user string, with map[string]bool) fields {
	view := fields{
		"Name": item.Name, "ServerId": state.ServerID, "Id": item.ID, "Type": item.Type, "MediaType": "Video",
		"VideoType": "VideoFile", "LocationType": "FileSystem", "IsFolder": false, "Container": item.Container,
		"ImageTags": fields{}, "BackdropImageTags": []string{}, "HasSubtitles": false,
		"UserData": watchView(state.Watch[user][item.ID], item),
	}
	if item.Year > 0 {
		view["ProductionYear"] = item.Year
	}
	if item.RunTimeTicks > 0 {
		view["RunTimeTicks"] = item.RunTimeTicks
	}
	if s.hasPoster(item.ID) {
		view["ImageTags"] = fields{"Primary": item.ID[:16]}
		view["PrimaryImageAspectRatio"] = aspect(item)
	}
	more := fields{
		"Path": item.Path, "ParentId": item.LibraryID, "DateCreated": item.Created,
		"SortName": strings.ToLower(item.Name), "MediaSources": []fields{sourceView(item)}, "MediaStreams": streamViews(item),
		"CanDownload": true, "CanDelete": false, "Width": width(item), "Height": height(item),
		"Etag": fmt.Sprintf("%x", item.Modified.UnixNano()),
	}
	for name, value := range more {
		if with == nil || with[strings.ToLower(name)] {
			view[name] = value
		}
	}
	return view
}

func libraryView(state *store.State, library store.Library) fields {
	count := 0
	for _, item := range state.Items {
		if item.LibraryID == library.ID {
			count++
		}
	}
	view := fields{
		"Name": library.Name, "ServerId": state.ServerID, "Id": library.ID, "Type": "CollectionFolder",
		"MediaType": "Unknown", "IsFolder": true, "ChildCount": count, "ImageTags": fields{}, "BackdropImageTags": []string{},
		"LocationType": "FileSystem", "SortName": strings.ToLower(library.Name),
	}
	if library.CollectionType != "" {
		view["CollectionType"] = library.CollectionType
	}
	return view
}

func sourceView(item store.Item) fields {
	view := fields{
		"Protocol": "File", "Id": item.ID, "Path": item.Path, "Type": "Default", "Container": item.Container,
		"Size": item.Size, "Name": strings.TrimSuffix(filepath.Base(item.Path), filepath.Ext(item.Path)), "IsRemote": false,
		"ETag": fmt.Sprintf("%x", item.Modified.UnixNano()), "SupportsTranscoding": false, "SupportsDirectStream": true,
		"SupportsDirectPlay": true, "IsInfiniteStream": false, "SupportsProbing": true, "VideoType": "VideoFile",
		"MediaStreams": streamViews(item), "MediaAttachments": []fields{}, "Formats": []string{},
	}
	if item.RunTimeTicks > 0 {
		view["RunTimeTicks"] = item.RunTimeTicks
	}
	if item.Bitrate > 0 {
		view["Bitrate"] = item.Bitrate
	}
	for _, stream := range item.Streams {
		if stream.Type == "Audio" {
			view["DefaultAudioStreamIndex"] = stream.Index
			break
		}
	}
	return view
}

func streamViews(item store.Item) []fields {
	views := []fields{}
	for _, stream := range item.Streams {
		view := fields{
			"Index": stream.Index, "Type": stream.Type, "Codec": stream.Codec, "IsDefault": stream.Default,
			"IsForced": false, "IsExternal": false, "IsInterlaced": false,
		}
		for name, value := range map[string]any{"Language": stream.Language, "Profile": stream.Profile} {
			if value != "" {
				view[name] = value
			}
		}
		if stream.Bitrate > 0 {
			view["BitRate"] = stream.Bitrate
		}
		switch stream.Type {
		case "Video":
			view["Width"], view["Height"] = stream.Width, stream.Height
			view["AverageFrameRate"], view["RealFrameRate"] = stream.FPS, stream.FPS
		case "Audio":
			view["Channels"], view["SampleRate"] = stream.Channels, stream.Rate
		}
		views = append(views, view)
	}
	return views
}

func watchView(watch store.Watch, item store.Item) fields {
	view := fields{
		"PlaybackPositionTicks": watch.PositionTicks, "PlayCount": watch.PlayCount, "IsFavorite": watch.Favorite,
		"Played": watch.Played, "Key": item.ID, "ItemId": item.ID,
	}
	if !watch.LastPlayed.IsZero() {
		view["LastPlayedDate"] = watch.LastPlayed.Format(time.RFC3339Nano)
	}
	if watch.PositionTicks > 0 && item.RunTimeTicks > 0 {
		view["PlayedPercentage"] = 100 * float64(watch.PositionTicks) / float64(item.RunTimeTicks)
	}
	return view
}

func video(item store.Item) store.Stream {
	for _, stream := range item.Streams {
		if stream.Type == "Video" {
			return stream
		}
	}
	return store.Stream{}
}

func width(item store.Item) int  { return video(item).Width }
func height(item store.Item) int { return video(item).Height }

func aspect(item store.Item) float64 {
	if v := video(item); v.Height > 0 {
		return float64(v.Width) / float64(v.Height)
	}
	return 16.0 / 9
}
