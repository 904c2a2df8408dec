package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"mcp-login/packaging/dist"
)

var (
	//go:embed manifest.json
	manifest string
	//go:embed server.json
	server string
	//go:embed icon.png
	icon []byte
)

// bundle is one file for one system: Platform is Node's word for it, Name the one in the
// names of all files of a release.
type bundle struct {
	dist.Release
	Platform, Name, Exe string
	goos, goarch        string
	SHA256              string
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./packaging/mcpb DIST")
		os.Exit(2)
	}
	if err := run(".", os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// run writes the files for the release in dir; root is the folder of the repository.
func run(root, dir string) error {
	release, err := dist.Read(root, dir)
	if err != nil {
		return err
	}
	bundles := []*bundle{
		{Platform: "darwin", Name: "darwin_universal", goos: "darwin", goarch: "all"},
		{Platform: "linux", Name: "linux_amd64", goos: "linux", goarch: "amd64"},
		{Platform: "linux", Name: "linux_arm64", goos: "linux", goarch: "arm64"},
		{Platform: "win32", Name: "windows_amd64", goos: "windows", goarch: "amd64", Exe: ".exe"},
	}
	for _, b := range bundles {
		b.Release = release
		content, err := b.pack(root)
		if err != nil {
			return err
		}
		b.SHA256 = fmt.Sprintf("%x", sha256.Sum256(content))
		if err := os.WriteFile(filepath.Join(dir, b.File()), content, 0o644); err != nil {
			return err
		}
	}
	text, err := dist.Fill(server, struct {
		dist.Release
		Bundles []*bundle
	}{release, bundles})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "server.json"), text, 0o644)
}

// File is the name of the bundle among the files of the release.
func (b *bundle) File() string { return "mcp-login_" + b.Version + "_" + b.Name + ".mcpb" }

// pack makes the bundle.
func (b *bundle) pack(root string) ([]byte, error) {
	about, err := dist.Fill(manifest, b)
	if err != nil {
		return nil, err
	}
	program, err := b.Program(b.goos, b.goarch)
	if err != nil {
		return nil, err
	}
	files := []file{{"manifest.json", about, 0o644}, {"icon.png", icon, 0o644}, {"server/mcp-login" + b.Exe, program, 0o755}}
	for _, name := range []string{"LICENSE", "THIRD_PARTY_NOTICES.txt"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return nil, err
		}
		files = append(files, file{name, text, 0o644})
	}
	return zipped(files)
}

// file is one of those in a bundle.
type file struct {
	name    string
	content []byte
	mode    os.FileMode
}

// zipped makes a zip file, in which all has the time that npm pack gives as well.
func zipped(files []file) ([]byte, error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range files {
		header := zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: time.Date(1985, 10, 26, 8, 15, 0, 0, time.UTC)}
		header.SetMode(f.mode)
		w, err := z.CreateHeader(&header)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return out.Bytes(), err
}
