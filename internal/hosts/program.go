package hosts

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"mcp-login/internal/build"
	"mcp-login/internal/hint"
)

// Program is this program, as hosts are to start it.
type Program struct {
	// Path is its file. Hosts search the PATH of a person's shell for another one that leads
	// to it.
	Path    string
	Channel build.Channel
	Version string // "" or one that is not known counts as none
}

// Why no entry may name the program.
var (
	errNoPath      = errors.New("the system does not tell where this program lies")
	errWillNotLast = errors.New("this program lies in a cache, and an entry that names it would not work for long")
)

// ThisProgram is the one that runs. Its Path is "" where the system does not tell it.
func ThisProgram(version string, getenv func(string) string) Program {
	self, _ := os.Executable()
	return Program{self, build.ChannelOf("mcp-login", getenv), version}
}

// Start are the words by which the host starts a program, for an entry that lasts: without
// an installation by npx, in this version; else by its name, where the host searches the PATH
// of the person's shell, else by its path. A link on the PATH is preferred to the file that
// it leads to, because package managers keep the link and move the file.
func (h Host) Start(p Program) ([]string, error) {
	if p.Channel == build.NPX {
		return onSystem(runtime.GOOS, Package(p.Version)), nil
	}
	switch {
	case p.Path == "":
		return nil, hint.With(errNoPath, "add --command")
	case p.Channel == build.Copy: // which may not be there yet
		return []string{p.Path}, nil
	}
	found, missing := exec.LookPath("mcp-login")
	switch {
	case missing != nil || !filepath.IsAbs(found): // it is not on the PATH
	case h.InheritsPath && p.StartedBy(found):
		return []string{"mcp-login"}, nil
	case SameFile(p.Path, found):
		return []string{found}, nil
	}
	if inFolder(p.Path, runnerCaches) {
		return nil, hint.With(errWillNotLast, "add --copy, which puts a copy of it where it stays")
	}
	return []string{p.Path}, nil
}

// Package are the words that run a version of the package from npm, the latest where it is
// not known.
func Package(version string) []string {
	if v := strings.TrimPrefix(version, "v"); v != "" && v[0] >= '0' && v[0] <= '9' {
		return []string{"npx", "-y", "mcp-login@" + v}
	}
	return []string{"npx", "-y", "mcp-login@latest"}
}

// onSystem are words as a host can start them: npx is a script on Windows, which needs cmd.
func onSystem(system string, words []string) []string {
	if system == "windows" {
		return append([]string{"cmd", "/c"}, words...)
	}
	return words
}

// StartedBy reports whether a path on the PATH leads to the program: to the file, or to the
// script by which npm's package starts it. npm keeps that link when it updates the package;
// it needs Node, and on Windows it is a script that hosts cannot start.
func (p Program) StartedBy(path string) bool {
	const packages = string(filepath.Separator) + "node_modules" + string(filepath.Separator)
	if SameFile(p.Path, path) {
		return true
	}
	target, err := filepath.EvalSymlinks(path)
	if self, err2 := filepath.EvalSymlinks(p.Path); err == nil && err2 == nil {
		folder, _, inPackage := strings.Cut(self, packages)
		return inPackage && strings.HasPrefix(target, folder+packages)
	}
	return false
}
