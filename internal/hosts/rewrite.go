package hosts

import (
	"errors"
	"slices"
	"strings"
)

// Rewriting is what [Client.Rewrite] did with one entry that runs mcp-remote.
type Rewriting struct {
	Name, Project string // of the entry
	// Launcher are the words that stood in front of mcp-remote's own arguments.
	Launcher []string
	// Added is the time limit that the entry was given, "" for none.
	Added string
	// Skipped says why the entry was left alone; empty if it was rewritten.
	Skipped string
}

// Rewrite makes entries that run mcp-remote run a command instead, with the same
// arguments and in the same environment: the words that start mcp-remote are
// replaced by the command, what the client needs for a sign-in is added where the
// entry sets no limit of its own (see Client.Flags), and every other byte stays. Of
// each entry judge is asked why its arguments cannot stay; it may be nil, and says
// nothing to rewrite the entry.
func (c Client) Rewrite(data []byte, command string, judge func(args []string) string) ([]byte, []Rewriting, error) {
	bom, body := cutBOM(data)
	if len(strings.TrimSpace(string(body))) == 0 {
		return data, nil, nil
	}
	c = c.formOf(body)
	doc, err := c.parse(body)
	if err != nil {
		return nil, nil, err
	}
	out, all, err := c.rewriteAll(doc, body, command, judge)
	if errors.Is(err, ErrLayout) && c.limit.name != "" { // the words alone have a place
		c.limit = field{}
		out, all, err = c.rewriteAll(doc, body, command, judge)
	}
	if err != nil {
		return nil, nil, err
	}
	return append(bom, out...), all, nil
}

// rewriteAll is Rewrite of a file without its byte order mark.
func (c Client) rewriteAll(doc document, body []byte, command string, judge func(args []string) string) (out []byte, all []Rewriting, err error) {
	var edits []edit
	var intents []intent
	for _, e := range doc.entries() {
		if e.Command == "" || e.Kind() != KindMCPRemote {
			continue
		}
		r := Rewriting{Name: e.Name, Project: e.Project()}
		rest, why := mcpRemote(e.argv())
		if why == "" && judge != nil {
			why = judge(e.Args[rest-1:])
		}
		more, ok := e.rewrite(rest, doc.quote(command))
		switch {
		case why != "":
			r.Skipped = why
		case !ok:
			r.Skipped = "its command line is written in an uncommon way"
		default:
			r.Launcher = e.argv()[:rest]
			want := Server{Name: e.Name, Command: command, Args: e.Args[rest-1:]}
			if added, flags, ok := c.withLimit(doc, e, want.Args); ok {
				r.Added, want.Args = c.limit.name, slices.Concat(want.Args, flags)
				more = append(more, added...)
			}
			edits = append(edits, more...)
			intents = append(intents, intent{group: e.Group, name: e.Name, want: &want, words: true, limit: r.Added})
		}
		all = append(all, r)
	}
	if len(edits) == 0 {
		return body, all, nil
	}
	out, err = c.verify(body, edits, intents...)
	return out, all, err
}

// withLimit gives an entry that runs args the limit of the client, and the flags that
// go with it. One that has a limit was given it by a person, and keeps it: with a
// short one a bridge that waits would be ended.
func (c Client) withLimit(doc document, e entry, args []string) (edits []edit, flags []string, ok bool) {
	if c.limit.name == "" {
		return nil, nil, false
	}
	if _, given := e.view.member(c.limit.name); given {
		return nil, nil, false
	}
	if edits, ok = doc.add(e, c.limit); !ok {
		return nil, nil, false
	}
	if flags = c.flagsBeside(args); len(flags) > 0 {
		last, text := e.args[len(e.args)-1], ""
		for _, flag := range flags {
			text += ", " + doc.quote(flag)
		}
		edits = append([]edit{{last.end, last.end, text}}, edits...)
	}
	return edits, flags, true
}

// rewrite replaces the first words of the command line by one.
func (e entry) rewrite(words int, quoted string) ([]edit, bool) {
	if words < 1 || words > len(e.args) || e.command.start < 0 {
		return nil, false
	}
	edits := []edit{{e.command.start, e.command.end, quoted}}
	if words > 1 {
		from, to := e.args[0].from, e.args[words-1].from
		if from < 0 || to < from {
			return nil, false
		}
		edits = append(edits, edit{from, to, ""})
	}
	return edits, true
}
