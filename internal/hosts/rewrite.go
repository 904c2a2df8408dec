package hosts

import (
	"bytes"
	"errors"
	"slices"

	"mcp-login/internal/hint"
)

// Rewriting is what [Host.Rewrite] did with one entry that runs mcp-remote.
type Rewriting struct {
	Name, Project string // of the entry
	// Launcher are the words that stood in front of mcp-remote's own arguments.
	Launcher []string
	// Added is the time limit that the entry was given, "" for none.
	Added string
	// Unchecked tells that the entry's environment keeps Node from checking certificates,
	// which has no effect on us.
	Unchecked bool
	// Skipped says why the entry was left alone; empty if it was rewritten.
	Skipped string
}

// Rewrite makes entries that run mcp-remote run what start starts instead, with the same
// arguments and in the same environment: the words that start mcp-remote are
// replaced by those of start, what the host needs for a sign-in is added where the
// entry sets no limit of its own (see Host.Flags), and every other byte stays. judge
// says why the arguments of an entry cannot stay, "" if they can; it may be nil.
func (h Host) Rewrite(data []byte, start []string, judge func(args []string) string) ([]byte, []Rewriting, error) {
	f, err := h.open(data)
	if err != nil {
		return nil, nil, err
	}
	edits, intents, all := f.rewriteAll(start, judge)
	if len(edits) == 0 {
		return data, all, nil
	}
	out, err := f.edit(edits, intents...)
	if errors.Is(err, ErrLayout) && f.host.startTimeout.name != "" { // the layout may have no place for the limit
		f.host.startTimeout = field{}
		edits, intents, all = f.rewriteAll(start, judge)
		out, err = f.edit(edits, intents...)
	}
	if err != nil {
		return nil, nil, err
	}
	return out, all, nil
}

// Repoint makes the entries of mcp-login that wrong is true of run what start starts instead,
// with the same arguments; every other byte stays. It returns them as they were. An entry that is written
// in an uncommon way stays as it is, and keeps no other from it.
func (h Host) Repoint(data []byte, start []string, wrong func(Server) bool) (out []byte, were []Server, err error) {
	f, err := h.open(data)
	if err != nil {
		return nil, nil, err
	}
	all := f.entries()
	var edits []edit
	var intents []intent
	for _, e := range all {
		if more, meant, ok := f.repoint(e, start, wrong); ok {
			edits, intents, were = append(edits, more...), append(intents, meant), append(were, e.Server)
		}
	}
	if len(were) == 0 {
		return data, nil, nil
	}
	if out, err = f.edit(edits, intents...); err == nil {
		return out, were, nil
	}
	were = nil
	for i := range all { // one by one; their order stays
		e := all[i]
		edits, meant, ok := f.repoint(e, start, wrong)
		if !ok {
			continue
		}
		changed, err := f.edit(edits, meant)
		if err != nil {
			continue
		}
		again, err := h.open(changed)
		if err != nil {
			return nil, nil, err
		}
		f, all, data, were = again, again.entries(), changed, append(were, e.Server)
	}
	return data, were, nil
}

// repoint is the change that lets an entry be started in another way, if that is wanted.
func (f file) repoint(e entry, start []string, wrong func(Server) bool) (edits []edit, meant intent, ok bool) {
	from, words, ok := own(e.argv())
	if !ok || from > 0 || slices.Equal(e.argv()[:words], start) || !wrong(e.Server) {
		return nil, intent{}, false
	}
	want := Server{Name: e.Name, Command: start[0], Args: slices.Concat(start[1:], e.Args[words-1:])}
	if want.valid() != nil {
		return nil, intent{}, false
	}
	edits, ok = f.rewrite(e, words, start)
	return edits, intent{group: e.Group, name: e.Name, want: &want, words: true}, ok
}

// rewriteAll returns the edits that Rewrite makes, and what it reports.
func (f file) rewriteAll(start []string, judge func(args []string) string) (edits []edit, intents []intent, all []Rewriting) {
	for _, e := range f.entries() {
		if e.Command == "" || e.Kind() != KindMCPRemote {
			continue
		}
		r := Rewriting{Name: e.Name, Project: e.Project()}
		rest, why := mcpRemote(e.argv())
		if why == "" && judge != nil {
			why = judge(e.Args[rest-1:])
		}
		if err := throughCmd(slices.Concat(start, e.Args[max(rest, 1)-1:])); why == "" && err != nil {
			why = err.Error() + "; " + hint.Of(err)
		}
		more, ok := f.rewrite(e, rest, start)
		switch {
		case why != "":
			r.Skipped = why
		case !ok:
			r.Skipped = "its command line is written in an uncommon way"
		default:
			r.Launcher, r.Unchecked = e.argv()[:rest], e.variable("NODE_TLS_REJECT_UNAUTHORIZED") == "0"
			want := Server{Name: e.Name, Command: start[0], Args: slices.Concat(start[1:], e.Args[rest-1:])}
			if added, flags, ok := f.withLimit(e, want.Args); ok {
				r.Added, want.Args = f.host.startTimeout.name, slices.Concat(want.Args, flags)
				more = append(more, added...)
			}
			edits = append(edits, more...)
			intents = append(intents, intent{group: e.Group, name: e.Name, want: &want, words: true, limit: r.Added})
		}
		all = append(all, r)
	}
	return edits, intents, all
}

// withLimit gives an entry that runs args the limit of the host, and the flags that
// go with it. An entry that has a limit keeps it, without the flags: with a short limit
// the host would end a bridge that waits.
func (f file) withLimit(e entry, args []string) (edits []edit, flags []string, ok bool) {
	limit := f.host.startTimeout
	if limit.name == "" || e.value.member(limit.name) != nil {
		return nil, nil, false
	}
	if edits, ok = f.doc.add(e, limit); !ok {
		return nil, nil, false
	}
	if flags = f.host.flagsBeside(args); len(flags) > 0 {
		last, text := e.args[len(e.args)-1], ""
		for _, flag := range flags {
			text += ", " + f.doc.quote(flag)
		}
		edits = append([]edit{{last.end, last.end, text}}, edits...)
	}
	return edits, flags, true
}

// rewrite replaces the first words of the command line.
func (f file) rewrite(e entry, words int, start []string) ([]edit, bool) {
	if words < 1 || words > max(1, len(e.args)) || e.command == nil || e.command.start < 0 {
		return nil, false
	}
	edits := []edit{{e.command.start, e.command.end, f.doc.quote(start[0])}}
	if words == 1 && len(start) == 1 {
		return edits, true
	}
	if len(e.args) == 0 {
		return nil, false
	}
	from, to := e.args[0].from, e.args[words-1].from
	if from < 0 || to < from {
		return nil, false
	}
	text := ""
	for _, word := range start[1:] {
		text += f.item(e.args[0], word)
	}
	return append(edits, edit{from, to, text}), true
}

// item is a word as it is written in front of another one of a list.
func (f file) item(before *node, word string) string {
	if dash := f.data[before.from:before.start]; len(dash) > 0 { // block style of YAML
		return string(dash) + f.doc.quote(word) + newline(f.data)
	}
	if indent := f.data[lineStart(f.data, before.from):before.from]; len(bytes.TrimSpace(indent)) == 0 {
		return f.doc.quote(word) + "," + newline(f.data) + string(indent)
	}
	return f.doc.quote(word) + ", "
}
