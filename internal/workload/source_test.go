package workload

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mcp-login/internal/hint"
)

func environment(variables map[string]string) Environment {
	return Environment{Getenv: func(name string) string { return variables[name] }, ReadFile: os.ReadFile, Log: slog.New(slog.DiscardHandler)}
}

// What is read is read anew at each use, without the blanks around it; nothing, and too much,
// is no token.
func TestSourcesAreReadAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	variables := map[string]string{}
	file, err1 := Parse("file:"+path, environment(variables))
	variable, err2 := Parse("env:TOKEN", environment(variables))
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Token(t.Context(), ""); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	for content, want := range map[string]string{"a.b.c": "a.b.c", " d.e.f \r\n": "d.e.f", "\n": "", "": "", strings.Repeat("x", maxToken+1): ""} {
		variables["TOKEN"] = content
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, s := range []interface{ String() string }{file, variable} {
			got, err := s.(source).Token(t.Context(), "")
			if got.Reveal() != want || (err == nil) != (want != "") {
				t.Errorf("%s: %.20q, %v", s, got.Reveal(), err)
			}
		}
	}
}

// What names no source is an error that shows nothing of it and says how to write one.
func TestParse(t *testing.T) {
	for _, value := range []string{"eyJzM2NyZXQ.e30.x", "s3cret", "file:", "env:", "env:eyJ.s3cret.x", "command:", "command:a | s3cret", "spiffe:s3cret", "gcp:s3cret", "github:", "azure", "FILE:s3cret", ":"} {
		_, err := Parse(value, environment(nil))
		if err == nil || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "eyJ") || hint.Of(err) == "" && !strings.HasPrefix(value, "command") {
			t.Errorf("%s: %v", value, err)
		}
	}
	for _, value := range []string{"file:x", "file:C:\\x", "env:X", "spiffe", "gcp", "github", "command:cat x"} {
		if _, err := Parse(value, environment(nil)); err != nil {
			t.Errorf("%s: %v", value, err)
		}
	}
	for value, want := range map[string]string{"file:x": "file:x", "spiffe": "spiffe", "command:vault read s3cret": "command:vault ARGUMENTS", "command:": Unsaid, "command:op s3cret | head": Unsaid, "eyJ.e30.x": Unsaid, "env:eyJ.e30.x": Unsaid, "": Unsaid} {
		if got := Placeholder(value); got != want {
			t.Errorf("%s: %s", value, got)
		}
	}
}

// A platform that does not answer is given up with the one who asks.
func TestContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for value, variables := range map[string]map[string]string{
		"spiffe": {spiffeVariable: "unix:///nowhere"}, "gcp": nil, "github": {githubURL: "https://127.0.0.1:1/", githubBearer: "t"},
	} {
		s, err := Parse(value, environment(variables))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Token(ctx, "https://id.example"); err == nil {
			t.Errorf("%s: no error", value)
		}
	}
}
