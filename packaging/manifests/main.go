package main

import (
	"embed"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"mcp-login/packaging/dist"
	"mcp-login/packaging/owner"
)

//go:embed templates
var templates embed.FS

// files are the manifests, by their template; the word WINGET_ID in a name is replaced.
var files = map[string]string{
	"formula.rb":     "homebrew/mcp-login.rb",
	"scoop.json":     "scoop/mcp-login.json",
	"version.yaml":   "winget/WINGET_ID.yaml",
	"installer.yaml": "winget/WINGET_ID.installer.yaml",
	"locale.yaml":    "winget/WINGET_ID.locale.en-US.yaml",
	"PKGBUILD":       "aur/PKGBUILD",
	"SRCINFO":        "aur/.SRCINFO",
}

// release is what the templates know.
type release struct {
	dist.Release
	Date string
	sums map[string]string // of the files of the release, by name
}

// Sum is the checksum of a file of the release.
func (r release) Sum(name string) (string, error) {
	if sum, ok := r.sums[name]; ok {
		return sum, nil
	}
	return "", fmt.Errorf("SHA256SUMS does not name %s", name)
}

// Archive is the name of the archive of mcp-login for a system such as linux_amd64.
func (r release) Archive(system string) string {
	extension := ".tar.gz"
	if strings.HasPrefix(system, "windows") {
		extension = ".zip"
	}
	return "mcp-login_" + r.Version + "_" + system + extension
}

// URL is where a file of the release is downloaded from.
func (r release) URL(name string) string {
	return r.Get("REPOSITORY") + "/releases/download/v" + r.Version + "/" + name
}

// PkgVersion is the version as Arch Linux takes it: it has no hyphen, and a pre-release such as
// 1.0.0rc.1 is older than 1.0.0, as 1.0.0_rc.1 is not.
func (r release) PkgVersion() string { return strings.ReplaceAll(r.Version, "-", "") }

func main() {
	root := flag.String("root", ".", "the folder of the repository")
	install := flag.String("install", "", "write install.sh to this file, and nothing else")
	folder := flag.String("dist", "", "the folder with what GoReleaser made")
	date := flag.String("date", "", "the day of the release, such as 2026-11-30")
	flag.Parse()
	if err := run(*root, *install, *folder, release{Date: *date}); err != nil {
		fmt.Fprintln(os.Stderr, "error: manifests:", err)
		os.Exit(1)
	}
}

func run(root, install, folder string, r release) (err error) {
	if r.Publisher, err = owner.Read(root); err != nil {
		return err
	}
	if install != "" {
		return r.write("install.sh", install, 0o755)
	}
	if r.Release, err = dist.Read(root, folder); err != nil {
		return err
	}
	if r.sums, err = readSums(filepath.Join(folder, "SHA256SUMS")); err != nil {
		return err
	}
	for name, to := range files {
		to = strings.ReplaceAll(to, "WINGET_ID", r.Get("WINGET_ID"))
		if err := r.write(name, filepath.Join(folder, "manifests", filepath.FromSlash(to)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// write fills in a template.
func (r release) write(name, to string, mode os.FileMode) error {
	text, err := templates.ReadFile("templates/" + name)
	if err != nil {
		return err
	}
	filled, err := dist.Fill(string(text), r)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, filled, mode)
}

// readSums reads a file as sha256sum writes it.
func readSums(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	sums := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		sum, name, found := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !found || len(sum) != 64 {
			return nil, fmt.Errorf("%s: %q is no line of sha256sum", file, line)
		}
		sums[name] = sum
	}
	return sums, nil
}
