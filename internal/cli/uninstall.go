package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mcp-login/internal/build"
	"mcp-login/internal/hint"
	"mcp-login/internal/hosts"
	"mcp-login/internal/store"
	"mcp-login/internal/terminal"
)

func newUninstall(a *app) *cobra.Command {
	var o options
	var with uninstallOptions
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Show what mcp-login keeps on this machine, and remove it",
		Long: "uninstall shows what there is of mcp-login: entries of MCP clients, logins, the key in the\n" +
			"keyring and the folder of logins. --write removes it, in this order: the entries, with a copy\n" +
			"of each file; the logins, at their providers as well; the key; the folder. At a terminal it\n" +
			"asks once. What cannot be done is said, and the rest goes on. The program itself stays: the\n" +
			"last line says how to remove it. So do files of single projects, see config --file.",
		Example: "  $ mcp-login uninstall\n  $ mcp-login uninstall --write",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.uninstall(cmd.Context(), o, with)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&with.write, "write", false, "remove it, instead of showing what there is")
	f.BoolVar(&with.yes, "yes", false, "with --write: do not ask")
	f.BoolVar(&with.registration, "delete-registration", false, "also delete the clients that registered themselves at the providers")
	jsonFlag(cmd, &with.json, "")
	every := pflag.NewFlagSet("", pflag.ContinueOnError)
	general := o.register(every, a.getenv)
	general.VisitAll(func(flag *pflag.Flag) { // what the way to a provider needs
		if rowOf(flag.Name).about&accounts != 0 && flag.Name != "store" {
			f.AddFlag(flag)
		}
	})
	o.files, o.version = a.files, a.version
	cmd.PreRunE = func(*cobra.Command, []string) error { return o.resolve(every) }
	return cmd
}

// uninstallOptions are the flags of uninstall alone.
type uninstallOptions struct{ write, yes, registration, json bool }

// uninstallReport is the object of uninstall --json.
type uninstallReport struct {
	SchemaVersion int             `json:"schema_version"`
	Removed       bool            `json:"removed"` // --write was given, and not declined
	Items         []uninstallItem `json:"items"`
	// Backups are the copies of clients' files, which are the person's.
	Backups []string      `json:"backups"`
	Program programReport `json:"program"`
	// Copy is where config --copy and install.sh put the program, if it is there and not this
	// one.
	Copy string `json:"copy,omitzero"`
}

// uninstallItem is one thing that is removed. Kind is entry, login, key or folder.
type uninstallItem struct {
	Kind    string `json:"kind"`
	Client  string `json:"client,omitzero"`
	Name    string `json:"name,omitzero"`
	Project string `json:"project,omitzero"`
	Server  string `json:"server,omitzero"`
	Profile string `json:"profile,omitzero"`
	Flags   string `json:"flags,omitzero"`
	// File is that of an entry; else it is the folder of logins.
	File string `json:"file"`
	// Container tells that an entry has logins of its own, in a container.
	Container bool `json:"container,omitzero"`
	Done      bool `json:"done"`
	// Left is what is not ours in the folder.
	Left    []string `json:"left,omitzero"`
	Problem string   `json:"problem,omitzero"`
	Next    string   `json:"next,omitzero"`

	host   hosts.Host
	login  store.Entry
	err    error
	stays  bool // nothing is tried
	absent bool // a key that somebody else has removed
}

// programReport says where this program is from, and how it is removed.
type programReport struct {
	Path    string        `json:"path"`
	Channel build.Channel `json:"channel"`
	Remove  string        `json:"remove"`
}

// what names an item for people.
func (i uninstallItem) what() string {
	switch i.Kind {
	case "entry":
		name := i.host.Title
		if i.Name != "" {
			name += ", " + i.Name
		}
		if i.Project != "" {
			name += " (" + i.Project + ")"
		}
		return name
	case "login":
		if i.Flags != "" {
			return i.Server + " " + i.Flags
		}
		return i.Server
	case "key":
		return "mcp-login, in the OS keyring"
	}
	return "all files of mcp-login"
}

// uninstall shows what is here, or removes it.
func (a *app) uninstall(ctx context.Context, o options, with uninstallOptions) error {
	if with.yes && !with.write {
		return usageError{hint.With(errors.New("--yes without --write"), "add --write, or leave it out")}
	}
	u := &uninstaller{app: a, options: o, with: with, report: uninstallReport{SchemaVersion: schemaVersion, Items: []uninstallItem{}, Backups: []string{}}}
	u.report.Program = thisProgram(a)
	u.self = u.report.Program.Path
	if system := hosts.ThisSystem(a.getenv); system.Exists(hosts.CopyPath(system)) && !hosts.SameFile(hosts.CopyPath(system), u.self) {
		u.report.Copy = hosts.CopyPath(system)
	}
	u.look(ctx)
	asks := with.write && !with.yes && !with.json && a.typed() && a.term.Interactive() && len(u.report.Items) > 0
	if !with.json && (asks || !with.write) {
		u.show()
	}
	if with.write && (!asks || a.agreed(ctx, "remove all of this?")) {
		u.report.Removed = true
		u.remove(ctx)
		u.removeEmpty()
	}
	u.report.Backups = append(u.report.Backups, backups(a)...)
	if !with.json {
		u.sayRest()
	} else if err := a.term.JSON(u.report); err != nil {
		return err
	}
	return u.unfinished()
}

// unfinished is the error of an uninstall that could not do everything.
func (u *uninstaller) unfinished() error {
	var failures []error
	left := 0
	for _, i := range u.report.Items {
		if i.err != nil {
			failures = append(failures, i.err)
		}
		if i.err != nil && !i.Done {
			left++
		}
	}
	switch {
	case len(failures) == 0 || !u.report.Removed:
		return nil
	case left == 0:
		return unfinished{"everything is removed, but not everything could be revoked", failures}
	}
	return hint.With(unfinished{fmt.Sprintf("not everything could be removed: %d of it is left", left), failures}, "when that is mended, run again: mcp-login uninstall --write")
}

// unfinished is an uninstall that could not do everything; what, was said.
type unfinished struct {
	text     string
	failures []error
}

func (e unfinished) Error() string { return e.text }

func (e unfinished) Unwrap() []error { return e.failures }

// show says what there is.
func (u *uninstaller) show() {
	var rows [][]string
	for _, i := range u.report.Items {
		if i.Problem == "" {
			rows = append(rows, []string{i.Kind, i.what(), i.File})
		}
	}
	if len(rows) > 0 {
		u.term.Table([]string{"REMOVES", "WHAT", "WHERE"}, rows)
	}
	for _, i := range u.report.Items {
		u.sayProblem(i)
	}
}

// say says what has become of an item.
func (u *uninstaller) say(i uninstallItem) {
	if u.with.json {
		return
	}
	switch {
	case !i.Done:
	case i.absent:
		u.term.Print("there was no key any more: %s", i.what())
	case i.Kind == "entry":
		u.term.Print("removed entry: %s, from %s", i.what(), i.File)
	case len(i.Left) > 0:
		u.term.Print("removed what is of mcp-login in the folder: %s", i.File)
	case i.Kind == "folder":
		u.term.Print("removed folder: %s", i.File)
	default:
		u.term.Print("removed %s: %s", i.Kind, i.what())
	}
	for _, path := range i.Left {
		why := "it is not of mcp-login"
		if path == i.File {
			why = "it is a link, something is mounted there, or it cannot be removed"
		}
		u.term.Note("left alone, because %s: %s", why, path)
	}
	u.sayProblem(i)
}

func (u *uninstaller) sayProblem(i uninstallItem) {
	if i.Problem == "" {
		return
	}
	u.term.Note("%s %s: %s", i.Kind, i.what(), i.Problem)
	if i.Next != "" {
		u.term.Note("hint: %s", i.Next)
	}
}

// sayRest says what stays, and how to remove that.
func (u *uninstaller) sayRest() {
	switch {
	case len(u.report.Items) == 0:
		u.term.Print("nothing of mcp-login is kept here")
	case !u.report.Removed && !u.with.write:
		u.term.Note("nothing is removed yet; to remove it, run: mcp-login uninstall --write")
	case !u.report.Removed:
		u.term.Note("nothing is removed")
	case slices.ContainsFunc(u.report.Items, func(i uninstallItem) bool { return i.Done && (i.Kind == "entry" || i.Kind == "login") }):
		u.term.Note("restart your clients: what still runs goes on with the token that it has, and asks for a sign-in then")
	}
	if slices.ContainsFunc(u.report.Items, func(i uninstallItem) bool { return i.Container }) {
		u.term.Note("logins of containers are in their volumes, which stay: run the image with uninstall --write as its arguments, then remove the volume")
	}
	for files := range slices.Chunk(u.report.Backups, atOnce) {
		u.term.Note("copies of your clients' files, from before mcp-login changed them, are yours; they may hold secrets. To remove them, run: %s", terminal.Command(deletion(files...)))
	}
	if path := u.report.Copy; path != "" {
		u.term.Note("there is a copy of this program as well; to remove it, run: %s", terminal.Command(build.InPlace("mcp-login", path).Removal(path, deletion(copyFiles(path)...))))
	}
	if p := u.report.Program; p.Remove != "" {
		u.term.Note("the program itself is %s (%s). To remove it: %s", p.Path, p.Channel, terminal.Command(p.Remove))
	}
}

// backups are the copies that were kept of the files of all clients.
func backups(a *app) (all []string) {
	system := hosts.ThisSystem(a.getenv)
	for _, h := range hosts.All {
		for _, path := range h.Locations(system) {
			for _, file := range hosts.Backups(path) {
				if !slices.Contains(all, file) { // two clients may have one file
					all = append(all, file)
				}
			}
		}
	}
	return all
}

// thisProgram is where this program lies.
func thisProgram(a *app) programReport {
	channel := build.ChannelOf("mcp-login", a.getenv)
	path, err := os.Executable()
	if err != nil {
		path = "mcp-login"
	}
	return programReport{path, channel, channel.Removal(path, deletion(copyFiles(path)...))}
}

// copyFiles are a program and, where they are, the file that says how it came there and the
// program that it has replaced, which Windows does not delete while it runs.
func copyFiles(path string) []string {
	files := []string{path}
	for _, file := range []string{build.ChannelFile("mcp-login", path), hosts.Replaced(path)} {
		if hosts.SameFile(file, file) {
			files = append(files, file)
		}
	}
	return files
}

// atOnce is how many files one line deletes, so that none is cut.
const atOnce = 8

// deletion is the line by which a person deletes files.
func deletion(paths ...string) string { return deletionOn(runtime.GOOS, paths) }

// deletionOn is so on a system. On Windows a comma is between the files: cmd.exe takes it for a
// blank, and PowerShell takes no blank.
func deletionOn(system string, paths []string) string {
	words := make([]string, len(paths))
	for i, path := range paths {
		words[i] = hint.Quote(filepath.FromSlash(path))
	}
	if system == "windows" {
		return "del " + strings.Join(words, ", ")
	}
	return "rm " + strings.Join(words, " ")
}
