package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mcp-login/internal/command"
	"mcp-login/internal/commandline"
	"mcp-login/internal/header"
	"mcp-login/internal/mcpremote"
)

// flag returns the flag of the command that a name is, nil for none.
func (r *repair) flag(name string) *pflag.Flag { return lookup(r.cmd, name) }

func lookup(c *cobra.Command, name string) *pflag.Flag {
	if len(name) == 1 {
		return c.Flags().ShorthandLookup(name)
	}
	return c.Flags().Lookup(name)
}

// commandOf is the command that a flag is for: behind the -- of config it is the bridge.
func (r *repair) commandOf(w commandline.Word) *cobra.Command {
	if w.Behind {
		return r.root
	}
	return r.cmd
}

// mcpRemoteRow returns the row of mcp-remote's flag of this name.
func mcpRemoteRow(name string) (row mcpremote.Row, ok bool) {
	i := slices.IndexFunc(mcpremote.Flags, func(row mcpremote.Row) bool { return row.Name() == "--"+name })
	if i < 0 {
		return row, false
	}
	return mcpremote.Flags[i], true
}

// commandsWith returns the other commands that have a flag of this name, the bridge first.
func (r *repair) commandsWith(name string) (all []*cobra.Command) {
	for _, c := range append([]*cobra.Command{r.root}, r.root.Commands()...) {
		if f := c.Flags().Lookup(name); f != nil && !f.Hidden && c != r.cmd {
			all = append(all, c)
		}
	}
	return all
}

// takesValue tells whether the next word is the value of a flag: as its command has it,
// another command, or mcp-remote, or as the one flag has that was probably meant. Behind
// one that nobody knows, a word is its value unless it can be something else.
func (r *repair) takesValue(name, next string) bool {
	f := r.flag(name)
	if in := r.commandsWith(name); f == nil && len(in) > 0 {
		f = lookup(in[0], name)
	}
	row, known := mcpRemoteRow(name)
	if f == nil && !known && child(r.root, name) == nil {
		if ours := otherNames()[name].flag; ours != "" {
			f = r.flag(ours[2:])
		} else if similar := similarFlags(r.cmd, name); len(similar) == 1 {
			f = r.flag(similar[0])
		}
	}
	switch {
	case f == nil && (name == "version" || !known && child(r.root, name) != nil):
		return false
	case f != nil:
		isFlag := strings.HasPrefix(next, "--") && r.flag(next[2:]) != nil
		return f.NoOptDefVal == "" && !isFlag
	case known:
		return strings.Contains(row.Theirs, " ")
	case name == "y", strings.HasPrefix(next, "-"), strings.HasPrefix(next, "mcp-remote"), child(r.root, next) != nil:
		return false
	}
	return !isAddress(next)
}

// otherName is a flag that people know from other programs: ours, or what to do where there
// is none.
type otherName struct{ flag, next string }

// otherNames are such flags, by all their names.
var otherNames = sync.OnceValue(func() map[string]otherName {
	all := map[string]otherName{}
	for names, other := range map[string]otherName{
		"account user":      {flag: "--profile"},
		"ca cacert ca-cert": {flag: "--ca-file"},
		"cert":              {flag: "--client-cert"},
		"headless":          {flag: "--device"},
		"H headers":         {flag: "--header"},
		"max-time":          {flag: "--timeout"},
		"port":              {flag: "--callback-port"},
		"scopes":            {flag: "--scope"},
		"d debug verbose":   {next: "to see more of what happens add --log-level debug"},
		"q quiet silent":    {next: "to see errors alone add --log-level error"},
		"no-device":         {next: "leave it out: a browser is opened where there is one, and --device is for another device"},
		"api-key apikey":    {next: "write it as --header 'X-Api-Key: ${MY_KEY}'"},
		"bearer token":      {next: "other users can see arguments: set MCP_LOGIN_TOKEN, or let a program print it with --token-command"},
		"client-secret":     {next: "other users can see arguments: put it into a file for --client-secret-file, or into MCP_LOGIN_CLIENT_SECRET"},
		"insecure k no-verify skip-verify tls-skip-verify": {next: "certificates are always checked: name the authority of this one with --ca-file FILE"},
		"proxy":      {next: "set HTTPS_PROXY to the proxy's address, such as http://proxy.example.com:3128"},
		"server url": {next: "give the URL without a flag in front"},
		"v V":        {next: "for the version run: mcp-login version; to see more of what happens add --log-level debug"},
	} {
		for name := range strings.FieldsSeq(names) {
			all[name] = other
		}
	}
	return all
})

// similarFlags are the flags of a command whose name is like this one.
func similarFlags(c *cobra.Command, name string) []string {
	names := []string{"version"}
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	return commandline.Similar(name, names)
}

// checkFlags judges the flags and their values, up to the first that is wrong.
func (r *repair) checkFlags() {
	if at := r.line.Separator(); at >= 0 && !r.hasEntry() && r.cmd.Name() != "call" {
		r.mend("nothing stands behind -- here", slices.Delete(slices.Clone(r.line), at, at+1))
		return
	}
	for i, w := range r.line {
		switch {
		case w.Kind == commandline.Flag:
			r.checkFlag(i, w)
		case w.Kind == commandline.Argument && strings.HasPrefix(w.Text, "-") && w.Text != "-" && !w.Behind:
			r.stuck(fmt.Sprintf("%q is no flag", w.Text), "see "+r.cmd.CommandPath()+" --help")
		}
		if r.mended || r.next != "" {
			return
		}
	}
}

// checkFlag judges the flag at i.
func (r *repair) checkFlag(i int, w commandline.Word) {
	row, isTheirs := mcpRemoteRow(w.Name())
	isTheirs = isTheirs && r.takesEntry(r.commandOf(w))
	f, v := lookup(r.commandOf(w), w.Name()), r.line.ValueOf(i)
	mended := slices.Clone(r.line)
	switch {
	case v >= 0 && r.line[v].Joined != "" && r.line[v].Joined != "=":
		mended[v].Joined, mended[v].Text = "=", strings.TrimSpace(r.line[v].Text)
		r.mend("a flag and its value are in one word, and no = between them", mended)
	case r.misplaced(i, f != nil, isTheirs):
	case f == nil && !isTheirs:
		r.unknown(i)
	case f != nil && hasNoEffect(f):
		r.foreignFlag(i, r.commandsWith(f.Name))
	case len(w.Name()) > 1 && w.Text != "--"+w.Name():
		mended[i].Text = "--" + w.Name()
		r.mend(w.Text+" is written with two dashes", mended)
	case isTheirs && strings.Contains(row.Theirs, " ") && v >= 0 && translated(w.Text, r.line[v].Text, f):
	case f != nil:
		r.checkValue(i, f)
	case v >= 0 && !strings.Contains(row.Theirs, "JSON"): // which may refer to what is not read here
		r.stuck(w.Text+" does not take this value", "write it as "+row.Ours)
	}
}

// translated reports whether a flag of mcp-remote may have this value there. ours is our flag
// of the same name, nil for none.
func translated(flag, value string, ours *pflag.Flag) bool {
	environment := mcpremote.Environment{
		Getenv:   func(string) string { return "x" },
		ReadFile: func(string) ([]byte, error) { return nil, errors.New("not read") },
	}
	words, err := mcpremote.Translate([]string{flag, value}, func(string) bool { return false }, environment)
	_, value, _ = strings.Cut(strings.Join(words, " "), "=")
	return err == nil && (ours == nil || !otherChoice(ours, value))
}

// hasEntry reports whether flags behind -- are those of a client's entry.
func (r *repair) hasEntry() bool { return strings.Contains(r.cmd.Use, "[-- FLAGS]") }

// takesEntry reports whether a command takes the command line of a client's entry, also
// one of mcp-remote.
func (r *repair) takesEntry(c *cobra.Command) bool { return c == r.root || takesEntry(c) }

// misplaced moves the flag at i to its place, and reports whether it was elsewhere: in front
// of its command, or on the other side of the -- of config.
func (r *repair) misplaced(i int, known, theirs bool) bool {
	w, end := r.line[i], max(r.line.ValueOf(i), i)+1
	rest := r.line.Replace(i)
	if r.hasEntry() && strings.HasPrefix(w.Text, "--") {
		own, entry := r.flag(w.Name()) != nil, r.root.Flags().Lookup(w.Name()) != nil
		_, isTheirs := mcpRemoteRow(w.Name())
		entry = entry || isTheirs
		dashes := rest.Separator()
		switch {
		case own == entry || own != w.Behind:
		case entry:
			if dashes < 0 {
				rest = append(rest, commandline.Word{Kind: commandline.Separator, Text: "--"})
			}
			r.mend(w.Text+" belongs behind --, where the flags of the client's entry stand", append(rest, r.line[i:end]...))
			return true
		default:
			rest = slices.Insert(rest, dashes, r.line[i:end]...)
			if rest[len(rest)-1].Kind == commandline.Separator {
				rest = rest[:len(rest)-1]
			}
			r.mend(w.Text+" belongs in front of --: it is no flag of the client's entry", rest)
			return true
		}
	}
	at := r.line.Arguments()
	if r.depth == 0 || r.depth > len(at) || i > at[r.depth-1] || !known && !theirs || lookup(r.root, w.Name()) != nil {
		return false
	}
	behind := at[r.depth-1] + 1
	mended := slices.Insert(slices.Clone(r.line), behind, r.line[i:end]...)
	r.mend(w.Text+" stands behind the command", slices.Delete(mended, i, end))
	return true
}

// foreignFlag takes a flag away that only other commands have.
func (r *repair) foreignFlag(i int, in []*cobra.Command) {
	call := in[0].Use
	if in[0].HasParent() {
		call = in[0].CommandPath()
	}
	r.mend(r.line[i].Text+" has no effect here: it is a flag of "+call, r.line.Replace(i))
}

// unknown judges the flag at i, which the command does not have.
func (r *repair) unknown(i int) {
	w := r.line[i]
	name, c := w.Name(), r.commandOf(w)
	wrong, help := "unknown flag: "+w.Text, "see "+r.cmd.CommandPath()+" --help"
	other := otherNames()[name]
	row, isTheirs := mcpRemoteRow(name)
	in, similar := r.commandsWith(name), similarFlags(c, name)
	mended := slices.Clone(r.line)
	switch {
	case name == "y":
		r.mend(w.Text+" is a flag of npx", r.line.Replace(i))
	case isTheirs && name != "version":
		r.stuck(w.Text+" is a flag of mcp-remote", "write it as "+row.Ours)
	case other.flag != "" && lookup(c, other.flag[2:]) != nil:
		mended[i].Text = other.flag
		r.mend(wrong, mended)
	case other.next != "":
		r.stuck(wrong, other.next)
	case c == r.root && r.cmd == r.root && child(r.root, name) != nil && child(r.root, name).Runnable():
		r.mend(wrong, slices.Insert(r.line.Replace(i), 0, commandline.Word{Text: name}))
	case name == "version", len(similar) == 1 && similar[0] == "version":
		r.mend(wrong, commandline.Line{{Text: "version"}})
	case len(in) == 1 && r.cmd == r.root:
		r.mend(w.Text+" is a flag of "+in[0].CommandPath(), slices.Insert(mended, 0, commandline.Word{Text: in[0].Name()}))
	case len(in) > 0:
		r.foreignFlag(i, in)
	case !strings.HasPrefix(w.Text, "--") && len(similar) == 0 && w.Text[0] == '-': // its value may be joined to it
		r.stuck("unknown flag: "+w.Text[:2], help)
	case len(similar) == 0:
		r.stuck(wrong, help)
	case len(similar) > 1, commandline.Secret(name): // the value may be the secret itself
		r.stuck(wrong, "did you mean --"+strings.Join(similar, ", --")+"?")
	default:
		mended[i].Text = "--" + similar[0]
		r.mend(wrong, mended)
	}
}

// chosen are the flags that take nothing but one of their flagChoices.
var chosen = []string{"store", "transport", "log-level"}

// otherChoice reports whether a flag has a value that is none of those it takes.
func otherChoice(f *pflag.Flag, value string) bool {
	if f.Name == "log-level" {
		return new(slog.Level).UnmarshalText([]byte(value)) != nil
	}
	return slices.Contains(chosen, f.Name) && !slices.Contains(flagChoices[f.Name], value)
}

// checkValue judges the value of the flag at i.
func (r *repair) checkValue(i int, f *pflag.Flag) {
	v := r.line.ValueOf(i)
	w := r.line[i]
	if v < 0 {
		if f.NoOptDefVal == "" {
			r.stuck(w.Text+" has no value", "write it as "+w.Text+" "+valueName(f.Name))
		}
		return
	}
	text := r.line[v].Text
	if otherChoice(f, text) {
		meant := append(commandline.Similar(text, flagChoices[f.Name]), "")
		r.replaceValue(v, meant[0], len(meant) == 2, "is not "+oneOf(flagChoices[f.Name]), "write it as "+w.Text+" "+flagChoices[f.Name][0])
	}
	if f.Value.Set(text) == nil { // of flags that nobody uses
		return
	}
	switch strings.ToLower(f.Value.Type()) {
	case "duration":
		meant, ok := commandline.Duration(text)
		r.replaceValue(v, meant, ok, "is not a duration", "write a number and a unit, such as 30s, 10m or 1h30m")
	case "bool":
		r.checkBoolean(v)
	case "int":
		number := strings.Trim(text, ": ,.")
		ok := number != "" && strings.Trim(number, "0123456789") == ""
		r.replaceValue(v, number, ok, "is not a number", "write a whole number, in digits")
	case "size":
		meant, ok := commandline.Size(text)
		r.replaceValue(v, meant, ok, "is not a size", "write it as 64MiB, 500kB or 1000000")
	default:
		r.stuck(w.Text+" does not take this value", "see "+r.cmd.CommandPath()+" --help")
	}
}

// oneOf writes words as a choice.
func oneOf(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// checkBoolean takes away a value that says no more than the flag.
func (r *repair) checkBoolean(v int) {
	flag := r.line[v-1].Text
	yes, ok := commandline.Boolean(r.line[v].Text)
	if !ok {
		r.stuck(flag+" takes no value but true or false", "write "+flag+" alone, or leave it out")
		return
	}
	mended := slices.Delete(slices.Clone(r.line), v, v+1)
	if !yes {
		mended = slices.Insert(mended, v, commandline.Word{Kind: commandline.Value, Text: "false", Joined: "="})
	}
	r.mend(flag+" takes no value", mended)
}

// replaceValue puts what was meant in the place of the value at v, if that is known.
func (r *repair) replaceValue(v int, meant string, ok bool, wrong, next string) {
	wrong = fmt.Sprintf("%s %q %s", r.line[v-1].Text, r.line[v].Text, wrong)
	mended := slices.Clone(r.line)
	mended[v].Text = meant
	if ok = ok && meant != r.line[v].Text; !ok {
		r.stuck(wrong, next)
		return
	}
	r.mend(wrong, mended)
}

// shownValue is the value of a flag in a line that is proposed. A secret is a placeholder.
func shownValue(flag, value string) string {
	switch flag {
	case "header":
		if _, _, ok := header.Split(value); !ok {
			return "NAME: VALUE"
		}
		return header.Placeholder(value)
	case "header-command":
		name, line, _ := header.Split(value)
		return name + ": " + shownValue("token-command", line)
	case "token-command":
		run, err := command.Parse("", value)
		if err != nil {
			return "PROGRAM"
		}
		return run.Placeholder()
	case clientInfoFlag, "static-oauth-client-info":
		if strings.HasPrefix(value, "@") {
			return value
		}
		return "JSON"
	}
	return value
}
