// Package media finds films, and has the real ffprobe and ffmpeg look into them.
package media

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"homelab/images/jellyfin/store"
)

// Tools are the paths of ffprobe and ffmpeg; empty where the image has none.
type Tools struct{ FFprobe, FFmpeg string }

// FindTools looks at JELLYFIN_FFMPEG, then where the real image has them, then along PATH.
func FindTools() Tools {
	folders := []string{"/usr/lib/jellyfin-ffmpeg"}
	if ffmpeg := os.Getenv("JELLYFIN_FFMPEG"); ffmpeg != "" {
		folders = []string{filepath.Dir(ffmpeg)}
	}
	find := func(name string) string {
		for _, folder := range folders {
			if path, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
				return path
			}
		}
		path, _ := exec.LookPath(name)
		return path
	}
	return Tools{FFprobe: find("ffprobe"), FFmpeg: find("ffmpeg")}
}

const patience = 60 * time.Second // for one run of ffprobe or ffmpeg

type probed struct {
	Format struct {
		Duration string `json:"duration"`
		BitRate  string `json:"bit_rate"`
	} `json:"format"`
	Streams []struct {
		Index       int               `json:"index"`
		Type        string            `json:"codec_type"`
		Codec       string            `json:"codec_name"`
		Profile     string            `json:"profile"`
		Width       int               `json:"width"`
		Height      int               `json:"height"`
		Channels    int               `json:"channels"`
		Rate        string            `json:"sample_rate"`
		BitRate     string            `json:"bit_rate"`
		FPS         string            `json:"avg_frame_rate"`
		Tags        map[string]string `json:"tags"`
		Disposition map[string]int    `json:"disposition"`
	} `json:"streams"`
}

var kinds = map[string]string{"video": "Video", "audio": "Audio", "subtitle": "Subtitle"}

// Probe fills in what ffprobe tells about item's file: runtime, bit rate, streams.
func (t Tools) Probe(ctx context.Context, item *store.Item) error {
	if t.FFprobe == "" {
		return fmt.Errorf("there is no ffprobe")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	text, err := exec.CommandContext(ctx, t.FFprobe, "-v", "error", "-print_format", "json",
		"-show_format", "-show_streams", "file:"+item.Path).Output()
	if err != nil {
		return fmt.Errorf("ffprobe %s: %w", item.Path, explained(err))
	}
	var found probed
	if err := json.Unmarshal(text, &found); err != nil {
		return fmt.Errorf("ffprobe %s: %w", item.Path, err)
	}
	seconds, _ := strconv.ParseFloat(found.Format.Duration, 64)
	item.RunTimeTicks = int64(seconds * 1e7)
	item.Bitrate, _ = strconv.ParseInt(found.Format.BitRate, 10, 64)
	item.Streams = nil
	for _, s := range found.Streams {
		kind := kinds[s.Type]
		if kind == "" {
			continue
		}
		stream := store.Stream{
			Index: s.Index, Type: kind, Codec: s.Codec, Profile: s.Profile, Language: s.Tags["language"],
			Width: s.Width, Height: s.Height, Channels: s.Channels, Default: s.Disposition["default"] == 1, FPS: fraction(s.FPS),
		}
		stream.Rate, _ = strconv.Atoi(s.Rate)
		stream.Bitrate, _ = strconv.ParseInt(s.BitRate, 10, 64)
		item.Streams = append(item.Streams, stream)
	}
	return nil
}

// Poster writes a frame from a tenth into the film as JPEG to path; Jellyfin's "Screen Grabber" does the like.
func (t Tools) Poster(ctx context.Context, item store.Item, path string) error {
	if t.FFmpeg == "" {
		return fmt.Errorf("there is no ffmpeg")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	at := strconv.FormatFloat(float64(item.RunTimeTicks)/1e8, 'f', 3, 64)
	fresh := path + ".new.jpg"
	defer os.Remove(fresh)
	out, err := exec.CommandContext(ctx, t.FFmpeg, "-v", "error", "-y", "-ss", at, "-i", "file:"+item.Path,
		"-frames:v", "1", "-vf", "scale=480:-2", "-threads", "1", fresh).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ffmpeg %s: %w: %s", item.Path, err, strings.TrimSpace(string(out)))
	}
	return os.Rename(fresh, path)
}

func explained(err error) error {
	if exit, ok := err.(*exec.ExitError); ok && len(exit.Stderr) > 0 {
		return fmt.Errorf("%s", strings.TrimSpace(string(exit.Stderr)))
	}
	return err
}

func fraction(text string) float64 {
	above, below, _ := strings.Cut(text, "/")
	a, _ := strconv.ParseFloat(above, 64)
	b, _ := strconv.ParseFloat(below, 64)
	if b == 0 {
		return a
	}
	return a / b
}
