package db

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestVersions(t *testing.T) {
	for text, want := range map[string]string{"v3.3.5": "v3.3.5", "3.0.0": "v3.0.0"} {
		if v, err := ParseVersion(text); err != nil || v.String() != want {
			t.Errorf("%s: %v %v", text, v, err)
		}
	}
	for _, text := range []string{"", "release", "v3", "v3.1", "3.1.2.4", "v3.1.2-rc.1"} {
		if _, err := ParseVersion(text); err == nil {
			t.Errorf("%q passes for a version", text)
		}
	}
}

func TestSettingsAreThoseOfTheRealImage(t *testing.T) {
	t.Setenv("DB_URL", "")
	t.Setenv("DB_HOSTNAME", "db.example")
	t.Setenv("DB_USERNAME", "immich")
	t.Setenv("DB_PASSWORD", "p:a/ss")
	t.Setenv("DB_DATABASE_NAME", "photos")
	t.Setenv("DB_PORT", "5433")
	config, err := Settings()
	if err != nil {
		t.Fatal(err)
	}
	if c := config.ConnConfig; c.Host != "db.example" || c.User != "immich" || c.Password != "p:a/ss" || c.Database != "photos" || c.Port != 5433 {
		t.Errorf("%+v", c)
	}
}

func TestAWrongPasswordIsNotWaitedFor(t *testing.T) {
	said := 0
	begin := time.Now()
	err := Wait(context.Background(), "the database", func(context.Context) error {
		return &pgconn.PgError{Code: "28P01", Message: "password authentication failed"}
	}, refused, func(string, ...any) { said++ })
	if err == nil || !strings.Contains(err.Error(), "password authentication failed") || said > 0 || time.Since(begin) > time.Second {
		t.Error(err, said)
	}
}

// What a database is needed for, tests/component/test_standins_immich.py starts one for; here where DB_URL names one.
func TestMigrationsRunOnceAndOneWay(t *testing.T) {
	if os.Getenv("DB_URL") == "" {
		t.Skip("DB_URL names no empty PostgreSQL database; tests/component/test_standins_immich.py starts one")
	}
	config, err := Settings()
	if err != nil {
		t.Fatal(err)
	}
	steps := func(v Version) (n int, err error) {
		db, err := Open(context.Background(), config, v, func(string, ...any) { n++ })
		if err == nil {
			db.Close()
		}
		return n, err
	}
	for _, try := range []struct {
		v Version
		n int
	}{{Version{2, 7, 0}, 1}, {Version{2, 7, 0}, 0}, {Version{3, 2, 2}, 1}} {
		if n, err := steps(try.v); n != try.n || err != nil {
			t.Errorf("%s: %d steps, %v", try.v, n, err)
		}
	}
	var no TooNew
	if _, err := steps(Version{2, 7, 0}); !errors.As(err, &no) {
		t.Error(err)
	}
}
