package hosts

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// System says where a person's files may be, and what is there.
type System struct {
	OS     string // as runtime.GOOS
	Home   string // "" where it is not known
	Getenv func(name string) string
	// Exists reports whether there is a file, a folder or a link.
	Exists func(path string) bool
}

// ThisSystem is the machine that the program runs on.
func ThisSystem(getenv func(name string) string) System {
	home := getenv("HOME")
	if runtime.GOOS == "windows" {
		home = getenv("USERPROFILE")
	}
	return System{OS: runtime.GOOS, Home: filepath.ToSlash(home), Getenv: getenv, Exists: func(path string) bool {
		_, err := os.Lstat(path)
		return err == nil
	}}
}

// Locations are all places where a host's own files may be, the usual one first. It is
// empty where the host does not exist on the system.
func (h Host) Locations(s System) (all []string) {
	for _, p := range h.installations(s) {
		all = append(all, p.files...)
	}
	return all
}

// Written are the files that a new server goes into: of each program of the host that
// is installed, the first file that exists, else the one that the program would create.
// Where none is installed it is the usual place of the first.
func (h Host) Written(s System) (all []string) {
	programs := h.installations(s)
	for _, p := range programs {
		if i := slices.IndexFunc(p.files, s.Exists); i >= 0 {
			all = append(all, p.files[i])
		} else if path := s.wouldCreate(p); path != "" {
			all = append(all, path)
		}
	}
	if len(all) == 0 && len(programs) > 0 {
		all = programs[0].files[:1]
	}
	return all
}

// Present are the files of a host that exist; of an installed program that has none, the
// one that it would create. It is empty where the host is not installed.
func (h Host) Present(s System) (all []string) {
	for _, p := range h.installations(s) {
		found := slices.DeleteFunc(slices.Clone(p.files), func(path string) bool { return !s.Exists(path) })
		if path := s.wouldCreate(p); len(found) == 0 && path != "" {
			found = []string{path}
		}
		all = append(all, found...)
	}
	return all
}

// wouldCreate is the file that an installed program without any would create, "" if the
// program is not installed: it is if its folder exists, or one that no other program has.
func (s System) wouldCreate(p installation) string {
	if p.folder != "" {
		if s.Exists(p.folder) {
			return p.files[0]
		}
		return ""
	}
	shared := []string{s.native(s.Home), s.native(s.Home + "/.config"), s.expand("{xdg}"), s.expand("{user}")}
	for _, path := range p.files {
		folder := path[:strings.LastIndexAny(path, `/\`)]
		if !slices.Contains(shared, folder) && s.Exists(folder) {
			return path
		}
	}
	return ""
}

// installations are the programs of a host with the files that they may have on a system.
func (h Host) installations(s System) (all []installation) {
	for _, template := range h.byVariable {
		if path := s.expand(template); path != "" {
			return []installation{{files: []string{path}}}
		}
	}
	programs := h.programs
	if len(programs) == 0 {
		programs = []installation{{files: h.files}}
	}
	for _, p := range programs {
		var files []string
		for _, template := range p.files {
			if system, rest, ok := strings.Cut(template, ":{"); ok {
				if (system == "windows") != (s.OS == "windows") {
					continue
				}
				template = "{" + rest
			}
			if path := s.expand(template); path != "" {
				files = append(files, path)
			}
		}
		if len(files) > 0 {
			all = append(all, installation{s.expand(p.folder), files})
		}
	}
	return all
}

func (s System) get(name string) string {
	if name == "" || s.Getenv == nil {
		return ""
	}
	return s.Getenv(name)
}

// expand replaces {home}; {user}, where programs keep a person's settings on this
// system; {local}, the same for data of this machine; {xdg}, ~/.config or its
// replacement; and {NAME}, a variable. Empty is a place that is not known.
func (s System) expand(template string) string {
	place, rest, _ := strings.Cut(strings.TrimPrefix(template, "{"), "}")
	base := s.get(place)
	if place == strings.ToLower(place) {
		base = s.folder(place)
	}
	if base == "" {
		return ""
	}
	return s.native(base + rest)
}

// folder is one of the folders that expand knows by a name of its own.
func (s System) folder(name string) string {
	or := func(variable, otherwise string) string {
		if v := s.get(variable); v != "" {
			return v
		}
		return s.Home + otherwise
	}
	switch {
	case s.Home == "":
		return ""
	case name == "user" && s.OS == "darwin":
		return s.Home + "/Library/Application Support"
	case name == "user" && s.OS == "windows":
		return or("APPDATA", "/AppData/Roaming")
	case name == "local" && s.OS == "windows":
		return or("LOCALAPPDATA", "/AppData/Local")
	case name == "xdg", name == "user":
		return or("XDG_CONFIG_HOME", "/.config")
	case name == "home":
		return s.Home
	}
	return ""
}

func (s System) native(path string) string {
	if s.OS == "windows" {
		return strings.ReplaceAll(path, "/", `\`)
	}
	return path
}
