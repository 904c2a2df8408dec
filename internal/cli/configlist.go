package cli

import (
	"cmp"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mcp-login/internal/hosts"
	"mcp-login/internal/mcpremote"
)

// clientRow is one file of a client, in config --list. Nothing in it is secret:
// of a server's arguments only the address is shown, without its query.
type clientRow struct {
	Client  string      `json:"client"`
	Title   string      `json:"title"`
	File    string      `json:"file"`
	Exists  bool        `json:"exists"`
	Servers []serverRow `json:"servers"`
	Problem string      `json:"problem,omitzero"`
}

type serverRow struct {
	Name string `json:"name"`
	// Kind is mcp-login, mcp-remote, remote or program.
	Kind    string `json:"kind"`
	Address string `json:"address,omitzero"`
	// Project is the folder that the entry is for, if it is not for all.
	Project string `json:"project,omitzero"`
}

// configList shows the clients that are here: those with a file, or with a
// folder of their own.
func (a *app) configList(o configOptions, chosen []hosts.Client) error {
	rows := []clientRow{}
	for _, c := range chosen {
		for _, path := range a.clientFiles(o, c) {
			rows = append(rows, a.listOne(c, path))
		}
	}
	if o.asJSON {
		return a.term.JSON(struct {
			SchemaVersion int         `json:"schema_version"`
			Clients       []clientRow `json:"clients"`
		}{schemaVersion, rows})
	}
	if len(rows) == 0 {
		a.term.Note("no client found; known are %s", clientNames())
		return nil
	}
	var table [][]string
	for _, r := range rows {
		if len(r.Servers) == 0 {
			table = append(table, []string{r.Client, "", "", ""})
		}
		for _, s := range r.Servers {
			table = append(table, []string{r.Client, s.Name, s.Kind, s.Address})
		}
	}
	a.term.Table([]string{"CLIENT", "SERVER", "BY", "ADDRESS"}, table)
	remote := false
	for _, r := range rows {
		if r.Problem != "" {
			a.term.Note("%s: %s", r.File, r.Problem)
		}
		for _, s := range r.Servers {
			remote = remote || s.Kind == string(hosts.KindMCPRemote)
		}
	}
	if remote {
		a.term.Note("to make those of mcp-remote run mcp-login: mcp-login config --from-mcp-remote --write")
	}
	return nil
}

func (a *app) listOne(c hosts.Client, path string) clientRow {
	r := clientRow{Client: c.ID, Title: c.Title, File: path, Exists: hosts.ThisSystem(a.getenv).Exists(path), Servers: []serverRow{}}
	data, err := hosts.Read(path)
	if err == nil {
		var all []hosts.Server
		all, err = c.List(data)
		for _, s := range all {
			r.Servers = append(r.Servers, serverRow{Name: s.Name, Kind: string(s.Kind()), Address: s.Address(), Project: s.Project()})
		}
	}
	if err != nil {
		r.Problem = err.Error()
	}
	return r
}

// completeClient offers the shell the clients for the first argument.
func completeClient(_ *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	if len(args) == 0 {
		for _, c := range hosts.All {
			names = append(names, c.ID+"\t"+c.Title)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// clientFiles are the files of a client that exist; if none does but its folder is
// there, the first place.
func (a *app) clientFiles(o configOptions, c hosts.Client) []string {
	if o.file != "" {
		return []string{o.file}
	}
	return c.Present(hosts.ThisSystem(a.getenv))
}

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
	// Skipped says why the entry was left alone.
	Skipped string `json:"skipped,omitzero"`
}

// configMigrate rewrites the entries that run mcp-remote. One broken file does
// not keep the others from it.
func (a *app) configMigrate(o configOptions, chosen []hosts.Client) error {
	rows := []migration{}
	var failures []error
	for _, c := range chosen {
		for _, path := range a.clientFiles(o, c) {
			m, err := a.migrateOne(o, c, path)
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
		err := a.term.JSON(struct {
			SchemaVersion int         `json:"schema_version"`
			Files         []migration `json:"files"`
		}{schemaVersion, rows})
		return errors.Join(append(failures, err)...)
	}
	a.printMigration(o, rows)
	return errors.Join(failures...)
}

func (a *app) migrateOne(o configOptions, c hosts.Client, path string) (migration, error) {
	m := migration{Client: c.ID, File: path, Entries: []migrationRow{}}
	command := o.command
	if command == "" {
		var err error
		if command, err = c.OwnCommand(); err != nil {
			return m, err
		}
	}
	var all []hosts.Rewriting
	change, err := hosts.Plan(path, func(old []byte) (data []byte, err error) {
		data, all, err = c.Rewrite(old, command, a.judgeArguments)
		return data, configError(path, c, err)
	})
	if err != nil {
		return m, err
	}
	for _, r := range all {
		m.Entries = append(m.Entries, migrationRow{Name: r.Name, Project: r.Project, Was: withoutAddresses(r.Launcher), Added: r.Added, Skipped: r.Skipped})
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
	set := func(name string) string { return cmp.Or(a.getenv(name), "x") } // the client's entry may set it
	native, err := mcpremote.Translate(args, mcpremote.Environment{Getenv: set, ReadFile: readFlagFile})
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
			a.term.Print("%s: %s: %s -> mcp-login%s", m.Client, e.Name, strings.Join(e.Was, " "), with)
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
		a.term.Note("restart the clients; each server asks for one new login")
	}
}
