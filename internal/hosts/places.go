package hosts

import (
	"slices"
	"strings"
)

// System is where a person's files are.
type System struct {
	OS     string // as runtime.GOOS
	Home   string
	Getenv func(string) string
}

// Locations are all places where a client's own files may be, the usual one
// first. It is empty where the client does not exist.
func (c Client) Locations(s System) (all []string) {
	for _, p := range c.here(s) {
		all = append(all, p.files...)
	}
	return all
}

// Written are the files that a new server goes into: of each program of the client
// that is here, the first that exists, else the one it would make. Where no program
// is here it is the first of all. exists reports whether there is a file or folder.
func (c Client) Written(s System, exists func(path string) bool) (all []string) {
	programs := c.here(s)
	for _, p := range programs {
		if i := slices.IndexFunc(p.files, exists); i >= 0 {
			all = append(all, p.files[i])
		} else if path := s.missing(p, exists); path != "" {
			all = append(all, path)
		}
	}
	if len(all) == 0 && len(programs) > 0 {
		all = programs[0].files[:1]
	}
	return all
}

// Present are the files of a client that exist, and the one that a program which is
// here would make. It is empty where the client is not.
func (c Client) Present(s System, exists func(path string) bool) (all []string) {
	for _, p := range c.here(s) {
		found := slices.DeleteFunc(slices.Clone(p.files), func(path string) bool { return !exists(path) })
		if path := s.missing(p, exists); len(found) == 0 && path != "" {
			found = []string{path}
		}
		all = append(all, found...)
	}
	return all
}

// missing is the file that a program without any would make: that in a folder which
// is there, and holds nothing of other programs. It is empty where there is none.
func (s System) missing(p installation, exists func(path string) bool) string {
	if p.folder != "" {
		if exists(p.folder) {
			return p.files[0]
		}
		return ""
	}
	shared := []string{s.native(s.Home), s.native(s.Home + "/.config"), s.expand("{xdg}"), s.expand("{user}")}
	for _, path := range p.files {
		folder := path[:strings.LastIndexAny(path, `/\`)]
		if !slices.Contains(shared, folder) && exists(folder) {
			return path
		}
	}
	return ""
}

// here are the programs of a client with the files that they have on a system.
func (c Client) here(s System) (all []installation) {
	for _, template := range c.moved {
		if path := s.expand(template); path != "" {
			return []installation{{files: []string{path}}}
		}
	}
	programs := c.programs
	if len(programs) == 0 {
		programs = []installation{{files: c.files}}
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
