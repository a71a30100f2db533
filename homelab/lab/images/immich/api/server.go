package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"syscall"

	"homelab/images/immich/photos"
)

const greeting = "This is the lab's stand-in for Immich."

func (s *Server) server() map[string]handler {
	return map[string]handler{
		"GET /api/server/about":      s.about,
		"GET /api/server/statistics": s.statistics,
		"GET /api/server/storage":    s.storage,
	}
}

func (s *Server) version(*call) (any, error) {
	return fields{"major": s.Version[0], "minor": s.Version[1], "patch": s.Version[2], "prerelease": nil}, nil
}

func (s *Server) config(c *call) (any, error) {
	ready, err := s.DB.Initialized(c.r.Context())
	return fields{"isInitialized": ready, "isOnboarded": ready, "trashDays": 30, "userDeleteDelay": 7, "minFaces": 3,
		"loginPageMessage": greeting, "oauthButtonText": "", "externalDomain": "",
		"publicUsers": true, "maintenanceMode": false, "mapDarkStyleUrl": "", "mapLightStyleUrl": ""}, err
}

// publicConfig is what takes the place of config and features, which 3.3 calls deprecated.
func (s *Server) publicConfig(*call) (any, error) {
	return fields{"passwordLogin": fields{"enabled": true}, "server": fields{"loginPageMessage": greeting},
		"oauth": fields{"enabled": false, "autoLaunch": false, "buttonText": ""}, "theme": fields{"customCss": ""}}, nil
}

func (s *Server) features(*call) (any, error) {
	has := fields{"passwordLogin": true, "search": true, "trash": true}
	for _, not := range []string{"configFile", "duplicateDetection", "email", "facialRecognition", "importFaces", "map", "oauth",
		"oauthAutoLaunch", "ocr", "realtimeTranscoding", "reverseGeocoding", "sidecar", "smartSearch"} {
		has[not] = false
	}
	return has, nil
}

func (s *Server) mediaTypes(*call) (any, error) {
	return fields{"image": slices.Sorted(maps.Keys(photos.Images)), "video": slices.Sorted(maps.Keys(photos.Videos)),
		"sidecar": []string{".xmp"}}, nil
}

func (s *Server) about(*call) (any, error) {
	v := s.Version.String()
	return fields{"version": v, "versionUrl": "https://github.com/immich-app/immich/releases/tag/" + v, "licensed": false,
		"build": "homelab stand-in"}, nil
}

func (s *Server) statistics(c *call) (any, error) {
	if !c.user.IsAdmin {
		return nil, refusal{http.StatusForbidden, "Forbidden"}
	}
	usages, err := s.DB.Usages(c.r.Context(), false)
	var count, videos int
	var size, videoSize int64
	views := []fields{}
	for _, u := range usages {
		views = append(views, fields{"userId": u.UserID, "userName": u.Name, "photos": u.Photos, "videos": u.Videos,
			"usage": u.PhotoBytes + u.VideoBytes, "usagePhotos": u.PhotoBytes, "usageVideos": u.VideoBytes, "quotaSizeInBytes": nil})
		count, videos, size, videoSize = count+u.Photos, videos+u.Videos, size+u.PhotoBytes, videoSize+u.VideoBytes
	}
	return fields{"photos": count, "videos": videos, "usage": size + videoSize, "usagePhotos": size, "usageVideos": videoSize,
		"usageByUser": views}, err
}

func (s *Server) storage(*call) (any, error) {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(s.Files.Root, &disk); err != nil {
		return nil, err
	}
	block := uint64(disk.Bsize)
	size, free, available := disk.Blocks*block, disk.Bfree*block, disk.Bavail*block
	return fields{"diskSize": human(size), "diskUse": human(size - free), "diskAvailable": human(available), "diskSizeRaw": size,
		"diskUseRaw": size - free, "diskAvailableRaw": available,
		"diskUsagePercentage": float64(int(10000*float64(size-free)/float64(max(size, 1)))) / 100}, nil
}

func human(bytes uint64) string {
	value := float64(bytes)
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		if value < 1024 {
			return fmt.Sprintf("%.1f %s", value, unit)
		}
		value /= 1024
	}
	return fmt.Sprintf("%.1f TiB", value)
}

func (s *Server) history(c *call) (any, error) {
	releases, err := s.DB.Releases(c.r.Context())
	views := []fields{}
	for _, r := range releases {
		views = append(views, fields{"id": r.ID, "version": r.Version[1:], "createdAt": r.CreatedAt})
	}
	return views, err
}
