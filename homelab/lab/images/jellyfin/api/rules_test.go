package api

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"homelab/images/jellyfin/store"
)

func TestTheHeaderIsReadAsJellyfinDoes(t *testing.T) {
	got := authParts(`Client="A, \"B\"", Device="Kupo%27s%20phone", DeviceId=abc, Token="x=y"`)
	want := map[string]string{"Device": "Kupo's phone", "DeviceId": "abc", "Token": "x=y"}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s: %q", key, got[key])
		}
	}
	for _, broken := range []string{"", ",", `"`, "=", "Token", `Token="`} {
		authParts(broken) // must not panic
	}
}

func TestWhichTokenCounts(t *testing.T) {
	for _, try := range []struct {
		header, value, query string
		modern, legacy       string
	}{
		{"Authorization", `MediaBrowser Token="t"`, "", "t", "t"},
		{"Authorization", `mediabrowser Token=t`, "", "t", "t"},
		{"Authorization", `Emby Token="t"`, "", "", "t"},
		{"Authorization", `Bearer t`, "", "", ""},
		{"X-Emby-Authorization", `MediaBrowser Token="t"`, "", "", "t"},
		{"X-Emby-Token", "t", "", "", "t"},
		{"X-MediaBrowser-Token", "t", "", "", "t"},
		{"", "", "?ApiKey=t", "t", "t"},
		{"", "", "?apikey=t", "t", "t"},
		{"", "", "?api_key=t", "", "t"},
	} {
		for legacy, want := range map[bool]string{false: try.modern, true: try.legacy} {
			r := httptest.NewRequest(http.MethodGet, "/users/me"+try.query, nil)
			if try.header != "" {
				r.Header.Set(try.header, try.value)
			}
			c := &call{r: r, query: lowered(r)}
			if got := c.identify(legacy); got != want {
				t.Errorf("%s %s %s, legacy %v: %q", try.header, try.value, try.query, legacy, got)
			}
		}
	}
}

func TestHowFarCountsAsSeen(t *testing.T) {
	const second = 10_000_000
	rule := store.Defaults(store.Version{12, 4, 0})
	for _, try := range []struct {
		runtime, at, kept int64
		played            bool
	}{
		{3600, 0, 0, false},
		{3600, 100, 0, false},     // within the first 5 %
		{3600, 1800, 1800, false}, // begun
		{3600, 3300, 0, true},     // beyond 90 %
		{3600, 3600, 0, true},
		{200, 100, 0, true}, // shorter than five minutes: never resumed
		{200, 2, 0, false},
		{0, 50, 0, true}, // nobody knows how long it is
	} {
		w := store.Watch{}
		advance(rule, store.Item{RunTimeTicks: try.runtime * second}, &w, try.at*second)
		if w.PositionTicks != try.kept*second || w.Played != try.played {
			t.Errorf("%d of %d s: %+v", try.at, try.runtime, w)
		}
	}
}
