package main

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"mcp-login/packaging/dist"
)

var (
	//go:embed wrapper.json
	wrapperManifest string
	//go:embed wrapper.md
	wrapperReadme string
	//go:embed mcp-login.js
	wrapperProgram []byte
	//go:embed platform.json
	platformManifest string
	//go:embed platform.md
	platformReadme string
)

// platform is one system, in the words of Node and of Go.
type platform struct{ OS, CPU, goos, goarch, Exe string }

var platforms = []platform{
	{"darwin", "arm64", "darwin", "arm64", ""},
	{"darwin", "x64", "darwin", "amd64", ""},
	{"linux", "arm64", "linux", "arm64", ""},
	{"linux", "x64", "linux", "amd64", ""},
	{"win32", "arm64", "windows", "arm64", ".exe"},
	{"win32", "x64", "windows", "amd64", ".exe"},
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./packaging/npm DIST")
		os.Exit(2)
	}
	if err := run(".", os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// run writes the packages of the release in dir; root is the folder of the repository.
func run(root, dir string) error {
	release, err := dist.Read(root, dir)
	if err != nil {
		return err
	}
	notices := map[string][]byte{}
	for _, name := range []string{"LICENSE", "THIRD_PARTY_NOTICES.txt"} {
		if notices[name], err = os.ReadFile(filepath.Join(root, name)); err != nil {
			return err
		}
	}
	out := filepath.Join(dir, "npm")
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	for _, p := range platforms {
		program, err := release.Program(p.goos, p.goarch)
		if err != nil {
			return err
		}
		folder := filepath.Join(out, "cli-"+p.OS+"-"+p.CPU)
		data := struct {
			dist.Release
			platform
		}{release, p}
		err = errors.Join(
			filled(folder, platformManifest, platformReadme, data),
			write(folder, "bin/mcp-login"+p.Exe, program, 0o755),
			written(folder, notices))
		if err != nil {
			return err
		}
	}
	folder := filepath.Join(out, "mcp-login")
	return errors.Join(
		filled(folder, wrapperManifest, wrapperReadme, struct {
			dist.Release
			Platforms []platform
		}{release, platforms}),
		write(folder, "bin/mcp-login.js", wrapperProgram, 0o755),
		write(folder, "LICENSE", notices["LICENSE"], 0o644))
}

// filled writes what a package says about itself.
func filled(folder, manifest, readme string, data any) error {
	about, err := dist.Fill(manifest, data)
	if err != nil {
		return err
	}
	page, err := dist.Fill(readme, data)
	if err != nil {
		return err
	}
	return written(folder, map[string][]byte{"package.json": about, "README.md": page})
}

// written writes files that nobody runs.
func written(folder string, files map[string][]byte) error {
	for name, content := range files {
		if err := write(folder, name, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// write writes one file with exactly this mode, whatever the umask is.
func write(folder, name string, content []byte, mode os.FileMode) error {
	path := filepath.Join(folder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, content, mode); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}
