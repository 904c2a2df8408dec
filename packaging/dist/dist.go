package dist

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/go-json-experiment/json"

	"mcp-login/packaging/owner"
)

// Release is what one run of GoReleaser made, and who publishes it.
type Release struct {
	owner.Publisher
	Dir     string // the folder
	Version string // without a v in front
	files   []artifact
}

type artifact struct {
	Path   string `json:"path"`
	Type   string `json:"type"`
	GOOS   string `json:"goos"`
	GOARCH string `json:"goarch"` // "all" for a universal binary
}

// Read reads the release in the folder dir, and packaging/publisher in the folder root of
// the repository.
func Read(root, dir string) (r Release, err error) {
	r.Dir = dir
	if r.Publisher, err = owner.Read(root); err != nil {
		return r, err
	}
	var metadata struct {
		Version string `json:"version"`
	}
	if err := read(filepath.Join(dir, "metadata.json"), &metadata); err != nil {
		return r, err
	}
	if r.Version = metadata.Version; r.Version == "" {
		return r, fmt.Errorf("%s/metadata.json has no version", dir)
	}
	return r, read(filepath.Join(dir, "artifacts.json"), &r.files)
}

func read(name string, into any) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Program is mcp-login as it was built for a system; the architecture "all" is the
// universal binary of macOS.
func (r Release) Program(goos, goarch string) ([]byte, error) {
	for _, a := range r.files {
		if a.GOOS != goos || a.GOARCH != goarch || !strings.HasSuffix(a.Type, "Binary") {
			continue
		}
		if name := filepath.Base(a.Path); name == "mcp-login" || name == "mcp-login.exe" {
			_, below, _ := strings.Cut(filepath.ToSlash(a.Path), "/")
			return os.ReadFile(filepath.Join(r.Dir, below))
		}
	}
	return nil, fmt.Errorf("%s/artifacts.json has no mcp-login for %s %s", r.Dir, goos, goarch)
}

// Fill is the template text with data filled in, into which a Release is embedded.
func Fill(text string, data any) ([]byte, error) {
	t, err := template.New("").Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, data)
	return out.Bytes(), err
}
