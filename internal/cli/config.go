package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mcp-login/internal/hint"
	"mcp-login/internal/hosts"
	"mcp-login/internal/oauth"
)

// configOptions are the flags of config.
type configOptions struct {
	name, remove, file, command                 string
	list, fromMCPRemote, write, replace, asJSON bool
	copy, copySaid                              bool
	place                                       func() (changed bool, err error) // makes the copy
}

func newConfig(a *app) *cobra.Command {
	var o configOptions
	cmd := &cobra.Command{
		Use:   "config CLIENT URL [-- FLAGS]",
		Short: "Put a server into the configuration of an MCP client",
		Long: "config prints what to paste into a client's configuration, or writes it there with --write:\n" +
			"one entry is changed, every other byte stays, and the old file is kept beside the new one.\n" +
			"Flags behind -- go into the entry.\n\nClients: " + hostNames() + ".",
		Example: "  $ mcp-login config claude-desktop https://example.com/mcp --write\n" +
			"  $ mcp-login config --list\n" +
			"  $ mcp-login config --from-mcp-remote --write\n" +
			"  $ mcp-login config cursor https://example.com/mcp -- \\\n      --header 'X-Key: ${KEY}'",
		Args: func(cmd *cobra.Command, args []string) error {
			args, extra := atDash(cmd, args)
			return a.checkConfig(o, args, extra)
		},
		ValidArgsFunction: a.completeConfig,
		RunE: func(cmd *cobra.Command, args []string) error {
			args, extra := atDash(cmd, args)
			o.copySaid = cmd.Flags().Changed("copy")
			return a.config(cmd.Context(), o, args, extra)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&o.list, "list", false, "show the clients found here and their servers")
	f.BoolVar(&o.fromMCPRemote, "from-mcp-remote", false, "make entries that run mcp-remote run mcp-login, with the same arguments")
	f.BoolVar(&o.write, "write", false, "change the files, instead of showing what would change")
	f.StringVar(&o.name, "name", "", "name of the entry (default: made from the URL)")
	f.StringVar(&o.remove, "remove", "", "take the entry of this name out")
	f.BoolVar(&o.replace, "replace", false, "replace another server of the same name")
	f.StringVar(&o.file, "file", "", "file to use instead of the client's own, such as that of a project")
	f.BoolVar(&o.copy, "copy", false, "put a copy of mcp-login where it stays, and let the client start that (with --write); without a client only the copy")
	f.StringVar(&o.command, "command", "", "how the client is to start mcp-login (default: as it finds it)")
	jsonFlag(cmd, &o.asJSON, "")
	return cmd
}

// atDash takes the words behind -- apart.
func atDash(cmd *cobra.Command, args []string) (front, behind []string) {
	if dash := cmd.ArgsLenAtDash(); dash >= 0 {
		return args[:dash], args[dash:]
	}
	return args, nil
}

func hostIDs() (ids []string) {
	for _, c := range hosts.All {
		ids = append(ids, c.ID)
	}
	return ids
}

func hostNames() string { return strings.Join(hostIDs(), ", ") }

// completeConfig offers the shell the clients for the first argument, and servers for the
// second.
func (a *app) completeConfig(cmd *cobra.Command, args []string, _ string) (words []string, _ cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		for _, c := range hosts.All {
			words = append(words, c.ID+"\t"+c.Title)
		}
	case 1:
		words = a.keptServers(cmd)
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// checkConfig refuses what is none of the forms of the verb, and an entry that could
// not start: now, while somebody reads it.
func (a *app) checkConfig(o configOptions, args, extra []string) error {
	forms := 0
	for _, chosen := range []bool{o.list, o.fromMCPRemote, o.remove != ""} {
		if chosen {
			forms++
		}
	}
	wanted := 2 // CLIENT URL
	switch {
	case forms > 1:
		return usageError{errors.New("--list, --from-mcp-remote and --remove exclude each other")}
	case o.remove != "":
		wanted = 1
	case forms == 1 && len(args) < 2, o.copy && len(args) == 0 && len(extra) == 0:
		wanted = len(args) // a client, or all of them
	}
	if len(args) != wanted || forms > 0 && len(extra) > 0 {
		return a.mistake(hint.With(errors.New("the arguments fit no form of config"), "run: mcp-login config CLIENT URL, config --list, or config --help"))
	}
	if len(args) == 0 && o.file != "" {
		return usageError{hint.With(errors.New("--file without a client"), "name the client whose form the file has")}
	}
	if len(args) > 0 {
		if _, ok := hosts.Find(args[0]); !ok {
			return a.mistake(hint.With(fmt.Errorf("%s is no client known here", named(args[0])), "known clients: "+hostNames()))
		}
	}
	if o.copy && (o.list || o.remove != "" || o.command != "") {
		return usageError{errors.New("--copy goes with an entry that is written, and not with --command")}
	}
	if forms > 0 || len(args) == 0 {
		return nil
	}
	if err := checkURL(args[1]); err != nil {
		return a.mistake(err)
	}
	return a.checkEntry(append(args[1:2:2], extra...))
}

// checkEntry refuses arguments of an entry that the bridge would refuse. The files that they
// name are read.
func (a *app) checkEntry(args []string) error {
	var o options
	o.files, o.version = a.files, a.version
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.register(f, func(string) string { return "" })
	native, err := a.translateEntry(args)
	if err != nil {
		return a.mistake(err)
	}
	if f.Parse(native) != nil || refused(f) != nil {
		return a.mistake(errArguments)
	}
	if f.NArg() > 1 {
		return a.mistake(hint.With(errors.New("a word behind -- is no flag"), "only flags of mcp-login go there"))
	}
	if err := cmp.Or(o.resolve(f), o.check(), o.checkCallback()); err != nil {
		return err
	}
	_, err = o.header(func(string) string { return "x" })
	return err
}

// config carries out one of the forms of the verb.
func (a *app) config(ctx context.Context, o configOptions, args, extra []string) error {
	program, place, err := a.programFor(ctx, o, len(args) == 2 || o.fromMCPRemote)
	if err != nil {
		return err
	}
	o.place = place
	if o.copy && len(args) == 0 && !o.fromMCPRemote {
		return a.configCopy(o, program.Path)
	}
	chosen := hosts.All
	if len(args) > 0 {
		c, _ := hosts.Find(args[0])
		chosen = []hosts.Host{c}
	}
	switch {
	case o.list:
		return a.configList(o, chosen)
	case o.fromMCPRemote:
		return a.configMigrate(o, chosen, program)
	case o.remove != "":
		return a.configRemove(o, chosen[0])
	}
	return a.configAdd(o, chosen[0], program, args[1], extra)
}

// configFiles are the files of a client that a server goes into: the one asked for,
// or one for each of its programs that is here.
func (a *app) configFiles(o configOptions, c hosts.Host) ([]string, error) {
	if o.file != "" {
		return []string{o.file}, nil
	}
	places := c.Written(hosts.ThisSystem(a.getenv))
	if len(places) == 0 {
		return nil, hint.With(fmt.Errorf("where %s keeps its configuration is not known without a home folder", c.Title), "add --file")
	}
	return places, nil
}

// hostFiles are the files of a client to look into: the one asked for, or those of its
// programs that are here.
func (a *app) hostFiles(o configOptions, c hosts.Host) []string {
	if o.file != "" {
		return []string{o.file}
	}
	return c.Present(hosts.ThisSystem(a.getenv))
}

// configReport is what config CLIENT URL and --remove print with --json.
type configReport struct {
	SchemaVersion int    `json:"schema_version"`
	Client        string `json:"client,omitzero"` // not for a copy alone
	File          string `json:"file"`
	Name          string `json:"name,omitzero"`
	Command       string `json:"command,omitzero"`
	// Entry is what to paste, when nothing was written.
	Entry   string `json:"entry,omitzero"`
	Changed bool   `json:"changed"`
	Written bool   `json:"written"`
	Backup  string `json:"backup,omitzero"`
	// Also are the files of further programs of the client.
	Also []fileReport `json:"also,omitzero"`
}

// fileReport is what became of one file.
type fileReport struct {
	File    string `json:"file"`
	Changed bool   `json:"changed"`
	Written bool   `json:"written"`
	Backup  string `json:"backup,omitzero"`
}

// fileChange is one file with what became of it.
type fileChange struct {
	fileReport
	change hosts.Change
}

func (a *app) configAdd(o configOptions, c hosts.Host, program hosts.Program, raw string, extra []string) error {
	s, err := a.configEntry(o, c, program, raw, extra)
	if err != nil {
		return err
	}
	paths, err := a.configFiles(o, c)
	if err != nil {
		return err
	}
	r := configReport{SchemaVersion: schemaVersion, Client: c.ID, Name: s.Name, Command: s.Command}
	if !o.write {
		if _, err := o.place(); err != nil {
			return err
		}
		entry, err := c.Snippet(s)
		if err != nil {
			return usageError{err}
		}
		r.Entry, r.Changed, r.File = string(entry), true, paths[0]
		for _, path := range paths[1:] {
			r.Also = append(r.Also, fileReport{File: path, Changed: true})
		}
		if o.asJSON {
			return a.term.JSON(r)
		}
		a.term.Result(string(entry))
		a.term.Note("put this into %s, or run again with --write", strings.Join(paths, " and "))
		return nil
	}
	files, err := planChanges(c, paths, func(old []byte) ([]byte, error) { return c.Set(old, s, o.replace) })
	if err != nil {
		return err
	}
	return a.configWrite(o, c, r, "put %s into", files)
}

// configRemove takes an entry out of all files of a client that have it.
func (a *app) configRemove(o configOptions, c hosts.Host) error {
	paths := a.hostFiles(o, c)
	if len(paths) == 0 {
		var err error
		if paths, err = a.configFiles(o, c); err != nil {
			return err
		}
	}
	found := false
	files, err := planChanges(c, paths, func(old []byte) ([]byte, error) {
		data, err := c.Remove(old, o.remove)
		if errors.Is(err, hosts.ErrNotFound) {
			return old, nil
		}
		found = true
		return data, err
	})
	if err == nil && !found {
		err = configError(paths[0], c, fmt.Errorf("%w: %q", hosts.ErrNotFound, o.remove))
	}
	if err != nil {
		return err
	}
	files = slices.DeleteFunc(files, func(f fileChange) bool { return !f.Changed })
	return a.configWrite(o, c, configReport{SchemaVersion: schemaVersion, Client: c.ID, Name: o.remove}, "removed %s from", files)
}

// planChanges says what edit makes of a client's files. Nothing is written: if one
// file cannot be changed, none is.
func planChanges(c hosts.Host, paths []string, edit func([]byte) ([]byte, error)) (files []fileChange, err error) {
	for _, path := range paths {
		change, err := hosts.Plan(path, func(old []byte) ([]byte, error) {
			data, err := edit(old)
			return data, configError(path, c, err)
		})
		if err != nil {
			return nil, err
		}
		files = append(files, fileChange{fileReport{File: path, Changed: change.Changed()}, change})
	}
	return files, nil
}

// configWrite writes the files, or says what it would do. What is done is said with
// the name of the entry and its file.
func (a *app) configWrite(o configOptions, c hosts.Host, r configReport, done string, files []fileChange) error {
	if _, err := o.place(); err != nil {
		return err
	}
	for i := range files {
		f := &files[i]
		if f.Changed && o.write {
			var err error
			if f.Backup, err = f.change.Write(time.Now()); err != nil {
				return err
			}
			f.Written = true
		}
	}
	if o.asJSON {
		first := files[0]
		r.File, r.Changed, r.Written, r.Backup = first.File, first.Changed, first.Written, first.Backup
		for _, f := range files[1:] {
			r.Also = append(r.Also, f.fileReport)
		}
		return a.term.JSON(r)
	}
	written := false
	for _, f := range files {
		written = written || f.Written
		switch {
		case !f.Changed:
			a.term.Print("%s has %s already", f.File, r.Name)
		case !o.write:
			a.term.Print("%s would lose %s", f.File, r.Name)
			a.term.Note("run again with --write to do it")
		default:
			a.term.Print("%s %s", fmt.Sprintf(done, r.Name), f.File)
			if f.Backup != "" {
				a.term.Note("the old file is %s", f.Backup)
			}
		}
	}
	if written {
		a.term.Note("%s: %s", c.Title, c.Reload)
	}
	return nil
}

// configError says what to do about a file that was left alone; nil stays nil.
func configError(path string, c hosts.Host, err error) error {
	next := ""
	switch {
	case err == nil:
		return nil
	case errors.Is(err, hosts.ErrBroken):
		next = "repair the file first; " + c.Title + " cannot read it either"
	case errors.Is(err, hosts.ErrLayout):
		next = "change it by hand; run the command without --write to see the entry"
	case errors.Is(err, hosts.ErrExists):
		next = "choose another --name, or add --replace"
	case errors.Is(err, hosts.ErrNotFound):
		next = "run: mcp-login config --list " + c.ID
	}
	return hint.With(fmt.Errorf("%s: %w", path, err), next)
}

// configEntry is the entry for a server.
func (a *app) configEntry(o configOptions, c hosts.Host, program hosts.Program, raw string, extra []string) (hosts.Server, error) {
	server, err := oauth.CanonicalServer(raw, true)
	if err != nil {
		return hosts.Server{}, usageError{err}
	}
	start, err := o.start(c, program)
	if err != nil {
		return hosts.Server{}, err
	}
	return c.Entry(cmp.Or(o.name, hosts.NameOf(server)), start, raw, extra), nil
}
