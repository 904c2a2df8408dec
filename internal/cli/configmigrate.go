package cli

import (
	"cmp"
	"errors"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"mcp-login/internal/hosts"
	"mcp-login/internal/mcpremote"
)

// migration is one file in config --from-mcp-remote.
type migration struct {
	Client  string         `json:"client"`
	File    string         `json:"file"`
	Entries []migrationRow `json:"entries"`
	Written bool           `json:"written"`
	Backup  string         `json:"backup,omitzero"`
	Problem string         `json:"problem,omitzero"`
}

type migrationRow struct {
	Name    string `json:"name"`
	Project string `json:"project,omitzero"`
	// Was are the words that mcp-login stands for.
	Was []string `json:"was,omitzero"`
	// Added is the client's time limit for a start, with room for a sign-in.
	Added string `json:"added,omitzero"`
	// Warning is what does not hold any more.
	Warning string `json:"warning,omitzero"`
	// Skipped says why the entry was left alone.
	Skipped string `json:"skipped,omitzero"`
	// becomes are the words that stand for those of Was.
	becomes []string
}

type migrationReport struct {
	SchemaVersion int         `json:"schema_version"`
	Files         []migration `json:"files"`
}

// configMigrate rewrites the entries that run mcp-remote. One broken file does
// not keep the others from it.
func (a *app) configMigrate(o configOptions, chosen []hosts.Host, program hosts.Program) error {
	if _, err := o.place(); err != nil {
		return err
	}
	rows := []migration{}
	var failures []error
	for _, c := range chosen {
		for _, path := range a.hostFiles(o, c) {
			m, err := a.migrateOne(o, c, program, path)
			if err != nil {
				m.Problem = err.Error()
				failures = append(failures, err)
			}
			if len(m.Entries) > 0 || err != nil {
				rows = append(rows, m)
			}
		}
	}
	if o.asJSON {
		err := a.term.JSON(migrationReport{schemaVersion, rows})
		return errors.Join(append(failures, err)...)
	}
	a.printMigration(o, rows)
	return errors.Join(failures...)
}

func (a *app) migrateOne(o configOptions, c hosts.Host, program hosts.Program, path string) (migration, error) {
	m := migration{Client: c.ID, File: path, Entries: []migrationRow{}}
	start, err := o.start(c, program)
	if err != nil {
		return m, err
	}
	var all []hosts.Rewriting
	change, err := hosts.Plan(path, func(old []byte) (data []byte, err error) {
		data, all, err = c.Rewrite(old, start, a.judgeArguments)
		return data, configError(path, c, err)
	})
	if err != nil {
		return m, err
	}
	for _, r := range all {
		row := migrationRow{Name: r.Name, Project: r.Project, Was: withoutAddresses(r.Launcher), Added: r.Added, Skipped: r.Skipped, becomes: start}
		if r.Unchecked {
			row.Warning = "NODE_TLS_REJECT_UNAUTHORIZED=0 of the entry has no effect: certificates are always checked. If the server has one of its own, add --ca-file FILE to the args, with its authority"
		}
		m.Entries = append(m.Entries, row)
	}
	if o.write && change.Changed() {
		if m.Backup, err = change.Write(time.Now()); err != nil {
			return m, err
		}
		m.Written = true
	}
	return m, nil
}

// judgeArguments says why mcp-login would not start with arguments that
// mcp-remote takes, and nothing if it would. Nothing of a value is told.
func (a *app) judgeArguments(args []string) string {
	native, err := a.translateEntry(args)
	if err != nil {
		return err.Error()
	}
	root := newRoot(a)
	var unknown *pflag.NotExistError
	switch err := root.ParseFlags(native); {
	case errors.As(err, &unknown) && strings.HasPrefix(unknown.Error(), "unknown flag"):
		return "there is no flag --" + unknown.GetSpecifiedName()
	case err != nil:
		return "its flags make no sense to mcp-login"
	case len(root.Flags().Args()) != 1:
		return "it has words that are neither flags nor the one address"
	}
	return ""
}

// translateEntry turns the arguments of a client's entry into our own words.
func (a *app) translateEntry(args []string) ([]string, error) {
	set := func(name string) string { return cmp.Or(a.getenv(name), "x") } // the entry may set it
	return mcpremote.Translate(args, takesValue(), mcpremote.Environment{Getenv: set, ReadFile: a.files.read})
}

// withoutAddresses hides the address of a registry: it may hold a password.
func withoutAddresses(words []string) []string {
	shown := make([]string, len(words))
	for i, w := range words {
		if shown[i] = w; strings.Contains(w, "://") {
			shown[i] = "…"
		}
	}
	return shown
}

func (a *app) printMigration(o configOptions, rows []migration) {
	found, skipped := 0, 0
	for _, m := range rows {
		for _, e := range m.Entries {
			if e.Skipped != "" {
				skipped++
				a.term.Print("%s: %s: left alone: %s", m.Client, e.Name, e.Skipped)
				continue
			}
			found++
			with := ""
			if e.Added != "" {
				with = ", with " + e.Added
			}
			a.term.Print("%s: %s: %s -> %s%s", m.Client, e.Name, strings.Join(e.Was, " "), strings.Join(e.becomes, " "), with)
			if e.Warning != "" {
				a.term.Note("%s: %s: %s", m.Client, e.Name, e.Warning)
			}
		}
		if m.Written {
			a.term.Note("changed %s; the old file is %s", m.File, m.Backup)
		}
	}
	switch {
	case found+skipped == 0:
		a.term.Note("no entry runs mcp-remote")
	case found > 0 && !o.write:
		a.term.Note("nothing is written yet; run again with --write")
	case found > 0:
		if logins, err := mcpremote.Logins(a.mcpRemoteFolder()); err == nil && len(logins) > 0 {
			a.term.Note("mcp-remote has kept logins here; to take them over run: mcp-login import mcp-remote")
		}
		a.term.Note("restart the clients; each server without a login asks for one")
	}
}
