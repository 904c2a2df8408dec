package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hosts"
	"mcp-login/internal/store"
)

// Repair is a safe change that mends what a check finds. Nobody loses a login by it.
type Repair struct {
	Check string
	// Change is what changes, for people: one line, or several.
	Change string
	// Apply makes the change. said is what a person should know then, next what to do.
	Apply func(ctx context.Context) (said, next string, err error)
}

// Repairs are the changes that can be made on this machine. st is the store, program what
// entries are to start, and revoke the line by which a person revokes a login in it. The error is of what cannot be looked at; the
// others come all the same.
func Repairs(ctx context.Context, st *store.Store, program hosts.Program, getenv func(string) string, revoke func(store.Entry) string) (all []Repair, err error) {
	ofStore, err := st.Repairs(ctx)
	for _, r := range ofStore {
		all = append(all, Repair{"store", foreign.Message(r.Change), func(ctx context.Context) (said, next string, err error) {
			if err = r.Apply(ctx); err == nil && r.Exposed != "" {
				said, next = exposed(ctx, st, r.Exposed, revoke)
			}
			return said, next, err
		}})
	}
	var done []string // files, each of which is one change
	for e, unreadable := range entries(program, getenv) {
		if unreadable != nil || e.Text == "" || slices.Contains(done, e.file) {
			continue
		}
		r, ok, planned := repoint(e.host, e.file, program, getenv)
		if done = append(done, e.file); ok {
			all = append(all, r)
		}
		err = errors.Join(err, planned)
	}
	return all, err
}

// exposed says what to do about a login that others could read.
func exposed(ctx context.Context, st *store.Store, id string, revoke func(store.Entry) string) (said, next string) {
	said = "others may have been able to read this login until now"
	kept, _ := st.List(ctx)
	for _, e := range kept {
		if e.ID == id && e.Key.Server != "" {
			return said, "to revoke it and sign in anew later, run: " + revoke(e)
		}
	}
	return said, ""
}

// lasts reports whether an entry that starts so is known as one of ours, and stays well.
func lasts(start []string) bool {
	return (hosts.Server{Command: start[0], Args: start[1:]}).Kind() == hosts.KindOwn && !hosts.InCache(start[0])
}

// repoint is the change that lets the entries of a file that are in trouble start this
// program. ok is false where there is none.
func repoint(h hosts.Host, file string, program hosts.Program, getenv func(string) string) (r Repair, ok bool, err error) {
	start, err := h.Start(program)
	if err != nil || !lasts(start) {
		return Repair{}, false, err // that would be no better
	}
	system := hosts.ThisSystem(getenv)
	var were []hosts.Server
	change, err := hosts.Plan(file, func(old []byte) (data []byte, err error) {
		data, were, err = h.Repoint(old, start, func(s hosts.Server) bool { return h.Trouble(system, s, program.Version).Text != "" })
		return data, err
	})
	if err != nil || len(were) == 0 {
		return Repair{}, false, err
	}
	lines, names := []string{file}, map[string][]string{}
	for _, s := range were {
		names[s.Starts()] = append(names[s.Starts()], foreign.Line(nameOf(s)))
	}
	for _, old := range slices.Sorted(maps.Keys(names)) {
		entries := "entry " + names[old][0] + ":"
		if n := len(names[old]); n > 1 {
			entries = fmt.Sprintf("%d entries, the first %s:", n, names[old][0])
		}
		lines = append(lines, entries, "- "+foreign.Line(old), "+ "+strings.Join(start, " "))
	}
	return Repair{"clients", strings.Join(lines, "\n"), func(context.Context) (said, next string, err error) {
		backup, err := change.Write(time.Now())
		if err != nil {
			if _, still, unplanned := repoint(h, file, program, getenv); !still && unplanned == nil {
				return "another program has made this change", "", nil
			}
			return "", "", err
		}
		return "the old file is " + backup + "; " + h.Title + ": " + h.Reload, "", nil
	}}, true, nil
}
