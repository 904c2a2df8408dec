package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mcp-login/internal/hint"
	"mcp-login/internal/hosts"
	"mcp-login/internal/oauth"
	"mcp-login/internal/store"
)

// uninstaller is one run of uninstall.
type uninstaller struct {
	*app
	options options
	with    uninstallOptions
	self    string // the path of this program
	report  uninstallReport
}

// add adds an item that was found.
func (u *uninstaller) add(i uninstallItem) { u.report.Items = append(u.report.Items, i) }

// fail notes why an item cannot be removed, without a flag in the hint that is not of uninstall.
func (u *uninstaller) fail(i *uninstallItem, err error) {
	next, _, _ := strings.Cut(hint.Of(err), "or choose --store")
	i.Problem, i.Next, i.err = err.Error(), strings.TrimRight(next, ",; "), err
}

// look finds what there is. The folders of logins are those of this environment, of one
// without MCP_LOGIN_DIR, and those that entries of clients name.
func (u *uninstaller) look(ctx context.Context) {
	own, err := defaultDir(u.getenv)
	if err != nil {
		item := uninstallItem{Kind: "folder", File: u.getenv("MCP_LOGIN_DIR"), stays: true}
		u.fail(&item, storeError{err})
		u.add(item)
	}
	folders := []string{own}
	if usual, err := u.usualFolder(); err == nil {
		folders = append(folders, usual)
	}
	folders = append(folders, u.lookForEntries()...)
	var seen []string
	for _, folder := range folders {
		if folder = filepath.Clean(folder); filepath.IsAbs(folder) && !slices.Contains(seen, folder) {
			again := hosts.SameFile(folder, seen...)
			seen = append(seen, folder)
			u.lookInto(ctx, folder, again)
		}
	}
	order := []string{"entry", "login", "key", "folder"}
	slices.SortStableFunc(u.report.Items, func(a, b uninstallItem) int { return slices.Index(order, a.Kind) - slices.Index(order, b.Kind) })
}

// usualFolder is the folder of logins without MCP_LOGIN_DIR.
func (u *uninstaller) usualFolder() (string, error) {
	return defaultDir(func(name string) string {
		if name == "MCP_LOGIN_DIR" {
			return ""
		}
		return u.getenv(name)
	})
}

// removeEmpty removes the usual folder when nothing is in it: doctor makes it to see whether
// a login could be kept. An empty one that somebody has named is theirs.
func (u *uninstaller) removeEmpty() {
	folder, err := u.usualFolder()
	if err != nil {
		return
	}
	if is, err := os.Lstat(folder); err == nil && is.IsDir() {
		_ = os.Remove(folder) // which fails while anything is in it
	}
}

// lookForEntries finds the entries of clients, and returns the folders of logins that they
// name.
func (u *uninstaller) lookForEntries() (folders []string) {
	system := hosts.ThisSystem(u.getenv)
	for _, h := range hosts.All {
		for _, file := range h.Present(system) {
			data, err := hosts.Read(file)
			var all []hosts.Server
			if err == nil {
				all, err = h.List(data)
			}
			if errors.Is(err, hosts.ErrBroken) && len(data) > 0 && !bytes.Contains(data, []byte("mcp-login")) {
				continue // nothing of ours can be in it
			}
			if err != nil {
				item := uninstallItem{Kind: "entry", Client: h.ID, File: file, host: h}
				u.fail(&item, configError(file, h, err))
				u.add(item)
				continue
			}
			for _, s := range all {
				item := uninstallItem{Kind: "entry", Client: h.ID, Name: s.Name, Project: s.Project(), Server: s.Address(), File: file, Container: s.InContainer(), host: h}
				switch {
				case u.starts(s):
					u.add(item)
				case s.Mentions():
					item.Problem, item.stays = "how it starts mcp-login is not recognised, and it stays", true
					if len(s.Group) == 0 {
						item.Next = "to take it out, run: mcp-login config " + h.ID + " --write --remove " + hint.Quote(s.Name)
					}
					u.add(item)
				}
			}
			here := func(s hosts.Server) bool { return u.starts(s) && !s.InContainer() }
			folders = append(folders, h.Variable(data, "MCP_LOGIN_DIR", here)...)
		}
	}
	return folders
}

// starts reports whether an entry starts mcp-login, also in a container, and this program by
// whatever name.
func (u *uninstaller) starts(s hosts.Server) bool {
	return s.Kind() == hosts.KindOwn || s.RunsImage() || filepath.IsAbs(s.Command) && hosts.SameFile(s.Command, u.self)
}

// lookInto finds what a folder of logins holds. One that is looked into again, by another
// name, may have another key in the keyring by that name.
func (u *uninstaller) lookInto(ctx context.Context, folder string, again bool) {
	item := uninstallItem{Kind: "folder", File: folder}
	st, entries, err := u.logins(ctx, folder, store.KindAuto)
	switch {
	case err != nil && again:
		return
	case err != nil:
		u.fail(&item, err)
		u.add(item)
		return
	case again:
		entries = nil
	}
	for _, e := range entries {
		flags := strings.Join(oauth.AccountFlags(e.Key, "", ""), " ")
		u.add(uninstallItem{Kind: "login", Server: e.Key.Server, Profile: e.Key.Profile, Flags: flags, File: folder, login: e})
	}
	if st.MayHaveKey() {
		u.add(uninstallItem{Kind: "key", File: folder})
	}
	if !again && st.HasFiles() {
		u.add(item)
	}
}

// logins opens the store in a folder and lists what is kept there.
func (u *uninstaller) logins(ctx context.Context, folder string, kind store.Kind) (st *store.Store, all []store.Entry, err error) {
	o := u.options
	o.store, o.dir = string(kind), folder
	return u.kept(ctx, o)
}

// remove removes what was found, in its order.
func (u *uninstaller) remove(ctx context.Context) {
	done := map[[2]string]bool{}
	for k := range u.report.Items {
		i := &u.report.Items[k]
		if i.stays {
			u.say(*i)
			continue
		}
		i.Problem, i.Next, i.err = "", "", nil // those of the look are met again
		var err error
		switch i.Kind {
		case "entry":
			if of := [2]string{i.File, i.Client}; !done[of] {
				done[of] = true // all of them
				u.removeEntries(i.File, i.host)
			}
			continue
		case "login":
			err = u.removeLogin(ctx, i)
		default:
			err = u.removeStored(ctx, i)
			i.Done = err == nil
		}
		if err != nil {
			u.fail(i, err)
		}
		u.say(*i)
	}
}

// removeEntries takes all entries out of a file of a client. One that is not there any more,
// because it was changed meanwhile or another client has the same file, is out of it.
func (u *uninstaller) removeEntries(file string, h hosts.Host) {
	var after []hosts.Server
	var left error
	change, err := hosts.Plan(file, func(old []byte) (data []byte, err error) {
		if data, _, left = h.RemoveEach(old, u.starts); data == nil {
			return nil, left
		}
		after, _ = h.List(data)
		return data, nil
	})
	if err == nil && change.Changed() {
		_, err = change.Write(time.Now())
	}
	for k := range u.report.Items {
		i := &u.report.Items[k]
		if i.stays || i.Kind != "entry" || i.File != file || i.Client != h.ID {
			continue
		}
		stays := func(s hosts.Server) bool { return s.Name == i.Name && s.Project() == i.Project && u.starts(s) }
		if i.Done = err == nil && !slices.ContainsFunc(after, stays); !i.Done {
			u.fail(i, configError(file, h, cmp.Or(err, left)))
		}
		u.say(*i)
	}
}

// removeLogin revokes a login and forgets it. One that cannot be read now, because its
// keyring is locked or its passphrase is missing, is kept: nobody could revoke it any more.
func (u *uninstaller) removeLogin(ctx context.Context, i *uninstallItem) error {
	kind := store.KindAuto
	if i.login.Store == store.KindPassphrase {
		kind = store.KindPassphrase
	}
	st, _, err := u.logins(ctx, i.File, kind)
	if err != nil {
		return err
	}
	if i.Server == "" {
		return storeError{hint.With(fmt.Errorf("the server of a login is not known: %s", i.login.Problem), "remove the files "+st.Files(i.login.ID))}
	}
	if _, err := st.Load(ctx, i.login.Key); err != nil && !errors.Is(err, oauth.ErrNotFound) {
		return storeError{err}
	}
	o := u.options.forKept(i.login)
	o.store, o.dir = string(kind), i.File
	row, err := u.logout(ctx, o, i.Server, logoutOptions{registration: u.with.registration, quiet: true})
	i.Done = err == nil || st.KeptIn(i.login.Key) == ""
	if err == nil && row.Outcome == logoutForgotten {
		err = hint.With(errors.New("forgotten here, and not revoked"), "end it at the provider, where its tokens stay valid until they expire")
	}
	return err
}

// removeStored removes the key or the folder of a store.
func (u *uninstaller) removeStored(ctx context.Context, i *uninstallItem) error {
	st, entries, err := u.logins(ctx, i.File, store.KindAuto)
	switch {
	case err != nil:
		return err
	case len(entries) > 0: // the key opens them
		return storeError{fmt.Errorf("logins are kept there: %d", len(entries))}
	case i.Kind == "key":
		var deleted bool
		deleted, err = st.DeleteKey(ctx)
		i.absent = err == nil && !deleted
	case st.MayHaveKey() && u.keyStays(i.File):
		return storeError{errors.New("it says that the keyring holds a key")}
	default:
		i.Left, err = st.RemoveDirectory(ctx)
	}
	if err != nil {
		return storeError{err}
	}
	return nil
}

// keyStays reports whether the key of a folder could not be deleted. While the folder is
// there, the next uninstall knows of it.
func (u *uninstaller) keyStays(folder string) bool {
	return slices.ContainsFunc(u.report.Items, func(i uninstallItem) bool { return i.Kind == "key" && !i.Done && hosts.SameFile(i.File, folder) })
}
