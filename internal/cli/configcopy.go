package cli

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/semver"

	"mcp-login/internal/build"
	"mcp-login/internal/doctor"
	"mcp-login/internal/hint"
	"mcp-login/internal/hosts"
)

// program is this program, as entries of clients are to start it.
func (a *app) program() hosts.Program { return hosts.ThisProgram(a.version, a.getenv) }

// start are the words by which a client is to start the program.
func (o configOptions) start(c hosts.Host, p hosts.Program) ([]string, error) {
	if o.command != "" {
		return []string{o.command}, nil
	}
	return c.Start(p)
}

// programFor is the program that entries are to start: this one, or with --copy a copy of it.
// Under npx a person at a terminal is asked which. entry tells that one is to be written. place
// makes the copy, when nothing else is in the way of the entry.
func (a *app) programFor(ctx context.Context, o configOptions, entry bool) (p hosts.Program, place func() (changed bool, err error), err error) {
	p = a.program()
	place = func() (bool, error) { return false, nil }
	path := hosts.CopyPath(hosts.ThisSystem(a.getenv))
	if entry && o.write && !o.copySaid && o.command == "" && p.Channel == build.NPX && path != "" && !o.asJSON && a.typed() && a.term.Interactive() {
		a.term.Note("npx takes half a second and the memory of Node for each start of a client.")
		o.copy = a.agreed(ctx, "put a copy of mcp-login into "+path+" instead, which starts at once?")
	}
	if !o.copy {
		return p, place, nil
	}
	if path == "" {
		return p, place, hint.With(errors.New("where a copy would stay is not known without a home folder"), "leave out --copy")
	}
	copied := hosts.Program{Path: path, Channel: build.Copy, Version: p.Version}
	self := p
	return copied, func() (bool, error) { return a.placeCopy(ctx, o, self, path) }, nil
}

// placeCopy makes the copy of p at a path, or says what it would do.
func (a *app) placeCopy(ctx context.Context, o configOptions, p hosts.Program, path string) (changed bool, err error) {
	switch {
	case a.strangerThere(ctx, path):
		return false, hint.With(fmt.Errorf("%s does not say that it is mcp-login, and is left as it is", path), "remove it, and run this again")
	case !o.write:
		a.term.Note("%s would be a copy of this program; run again with --write to make it", path)
	case a.newerThere(ctx, p, path):
		a.term.Note("%s is newer than this program, and stays", path)
	default:
		if changed, err = p.CopyTo(path); err != nil {
			return false, err
		}
		if changed {
			a.term.Note("put a copy of this program into %s; a newer one replaces it in the same way", path)
		} else {
			a.term.Note("%s is this program already", path)
		}
	}
	return changed, nil
}

// configCopy makes nothing but the copy.
func (a *app) configCopy(o configOptions, path string) error {
	changed, err := o.place()
	if err != nil || !o.asJSON {
		return err
	}
	return a.term.JSON(configReport{SchemaVersion: schemaVersion, File: path, Command: path, Changed: changed, Written: changed})
}

// strangerThere reports whether another program lies at a path, such as a person's own script.
func (a *app) strangerThere(ctx context.Context, path string) bool {
	if !hosts.ThisSystem(a.getenv).Exists(path) {
		return false
	}
	version := doctor.VersionOf(ctx, path, a.getenv)
	return !semver.IsValid(version) && version != build.Unknown
}

// newerThere reports whether the program at a path is a newer one than p.
func (a *app) newerThere(ctx context.Context, p hosts.Program, path string) bool {
	return hosts.ThisSystem(a.getenv).Exists(path) && semver.IsValid(p.Version) && semver.Compare(doctor.VersionOf(ctx, path, a.getenv), p.Version) > 0
}
