package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func open(t *testing.T, folder, version string) (*Store, []string, error) {
	t.Helper()
	v, err := ParseVersion(version)
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	s, err := Open(folder, "tequila", v, func(_ string, args ...any) { steps = append(steps, args[0].(string)) })
	return s, steps, err
}

func mustOpen(t *testing.T, folder, version string) (*Store, []string) {
	t.Helper()
	s, steps, err := open(t, folder, version)
	if err != nil {
		t.Fatalf("%s: %v", version, err)
	}
	return s, steps
}

func TestVersionsAreReadAsTheTagsSayThem(t *testing.T) {
	for text, want := range map[string]string{"12.4": "12.4.0", "12.4.0": "12.4.0", "10.11.6": "10.11.6"} {
		if v, err := ParseVersion(text); err != nil || v.String() != want {
			t.Errorf("%s: %v %v", text, v, err)
		}
	}
	for _, text := range []string{"", "12", "latest", "12.x", "1.2.3.4", "12.-1"} {
		if _, err := ParseVersion(text); err == nil {
			t.Errorf("%q passes for a version", text)
		}
	}
}

func TestStateIsTheSameAfterEachUpgrade(t *testing.T) {
	folder := t.TempDir()
	s, _ := mustOpen(t, folder, "10.10.7")
	err := s.Change(func(state *State) error {
		state.Users = append(state.Users, User{ID: "u", Name: "Kupo"})
		state.Watch["u"] = map[string]Watch{"i": {PositionTicks: 7}}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ version, want string }{
		{"10.11.6", "MigrateLibraryDb"}, {"12.3", "UpdateNormalizedUsername DisableLegacyAuthorization"},
		{"12.4", "HomelabWatchRows"}, {"12.4", ""},
	} {
		s, steps := mustOpen(t, folder, step.version)
		if got := strings.Join(steps, " "); got != step.want {
			t.Errorf("%s: steps %q", step.version, got)
		}
		s.Read(func(state *State) {
			if state.Users[0].Name != "Kupo" || state.Watch["u"]["i"].PositionTicks != 7 {
				t.Errorf("%s: %+v", step.version, state)
			}
		})
	}
	s, _ = mustOpen(t, folder, "12.4")
	s.Read(func(state *State) {
		if state.Users[0].NormalizedName != "KUPO" || state.Configuration.EnableLegacyAuthorization {
			t.Errorf("%+v", state)
		}
	})
	if _, err := os.Stat(filepath.Join(folder, "library.json.old")); err != nil {
		t.Error("the first format is not kept aside:", err)
	}
}

func TestADowngradeIsRefusedAndHarmsNothing(t *testing.T) {
	folder := t.TempDir()
	mustOpen(t, folder, "12.4")
	before, _ := os.ReadFile(filepath.Join(folder, currentFile))
	for _, older := range []string{"12.3", "10.11.6", "10.9.11"} {
		var no TooNew
		if _, _, err := open(t, folder, older); !errors.As(err, &no) {
			t.Errorf("%s: %v", older, err)
		}
	}
	after, _ := os.ReadFile(filepath.Join(folder, currentFile))
	if string(before) != string(after) {
		t.Error("a refusal has written")
	}
}

func TestUpgradesBeginAtTheDocumentedVersion(t *testing.T) {
	for data, refused := range map[string]bool{"10.9.11": true, "10.10.6": true, "10.10.7": false, "10.11.6": false} {
		folder := t.TempDir()
		mustOpen(t, folder, data)
		var no TooOld
		if _, _, err := open(t, folder, "12.3"); errors.As(err, &no) != refused {
			t.Errorf("%s to 12.3: %v", data, err)
		}
	}
}

func TestADamagedFileIsNoNewServer(t *testing.T) {
	folder := t.TempDir()
	mustOpen(t, folder, "12.4")
	if err := os.WriteFile(filepath.Join(folder, currentFile), []byte(`{"Schema": 4, "Vers`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := open(t, folder, "12.4"); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Error(err)
	}
}

func TestAFailedChangeWritesNothing(t *testing.T) {
	folder := t.TempDir()
	s, _ := mustOpen(t, folder, "12.4")
	before, _ := os.ReadFile(filepath.Join(folder, currentFile))
	wanted := errors.New("no")
	if err := s.Change(func(*State) error { return wanted }); !errors.Is(err, wanted) {
		t.Error(err)
	}
	after, _ := os.ReadFile(filepath.Join(folder, currentFile))
	if string(before) != string(after) {
		t.Error("it has written")
	}
	left, _ := filepath.Glob(filepath.Join(folder, ".new-*"))
	if len(left) > 0 {
		t.Error("left over:", left)
	}
}
