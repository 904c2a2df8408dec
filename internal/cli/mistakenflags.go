package cli

import (
	"errors"
	"fmt"
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

// judges is the command that a flag is for: behind the -- of config it is the bridge.
func (r *repair) judges(w commandline.Word) *cobra.Command {
	if w.Behind {
		return r.root
	}
	return r.cmd
}

// theirs returns the row of mcp-remote's flag of this name.
func theirs(name string) (row mcpremote.Row, ok bool) {
	i := slices.IndexFunc(mcpremote.Flags, func(row mcpremote.Row) bool { return row.Name() == "--"+name })
	if i < 0 {
		return row, false
	}
	return mcpremote.Flags[i], true
}

// elsewhere returns a flag of this name that another command has, with the command's
// name, the bridge's first.
func (r *repair) elsewhere(name string) (f *pflag.Flag, in []*cobra.Command) {
	for _, c := range append([]*cobra.Command{r.root}, r.root.Commands()...) {
		if found := c.Flags().Lookup(name); found != nil && !found.Hidden && c != r.cmd {
			if f == nil {
				f = found
			}
			in = append(in, c)
		}
	}
	return f, in
}

// takesValue tells whether the next word is the value of a flag: as its command has it,
// another command, or mcp-remote. Behind one that nobody knows, a word is its value
// unless it can be something else.
func (r *repair) takesValue(name, next string) bool {
	f := r.flag(name)
	if f == nil {
		f, _ = r.elsewhere(name)
	}
	row, known := theirs(name)
	switch {
	case f != nil:
		isFlag := strings.HasPrefix(next, "--") && r.flag(next[2:]) != nil
		return f.NoOptDefVal == "" && !isFlag
	case known:
		return strings.Contains(row.Theirs, " ")
	case strings.HasPrefix(next, "-"), strings.HasPrefix(next, "mcp-remote"), child(r.root, next) != nil:
		return false
	}
	_, address := commandline.Address(next)
	return !address
}

// otherName is a flag that people know from other programs: ours, which may have a value,
// or what to do where there is none.
type otherName struct{ flag, next string }

// otherNames are such flags, by all their names.
var otherNames = sync.OnceValue(func() map[string]otherName {
	all := map[string]otherName{}
	for names, other := range map[string]otherName{
		"?":                 {flag: "--help"},
		"account user":      {flag: "--profile"},
		"ca cacert ca-cert": {flag: "--ca-file"},
		"cert":              {flag: "--client-cert"},
		"H headers":         {flag: "--header"},
		"d debug verbose":   {flag: "--log-level=debug"},
		"max-time":          {flag: "--timeout"},
		"port":              {flag: "--callback-port"},
		"q quiet silent":    {flag: "--log-level=error"},
		"scopes":            {flag: "--scope"},
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

// checkFlags judges the flags and their values.
func (r *repair) checkFlags() {
	for i := 0; i < len(r.line) && r.next == ""; i++ {
		w := r.line[i]
		row, isTheirs := theirs(w.Name())
		isTheirs = isTheirs && r.judges(w) == r.root // where they are translated
		switch f := lookup(r.judges(w), w.Name()); {
		case w.Kind == commandline.Argument && strings.HasPrefix(w.Text, "-") && w.Text != "-" && !w.Behind:
			r.stuck(fmt.Sprintf("%q is no flag", w.Text), "see "+r.cmd.CommandPath()+" --help")
		case w.Kind != commandline.Flag:
		case r.misplaced(i):
			i = -1 // all anew: words have moved
		case f == nil && !isTheirs:
			if r.unknown(i); i >= len(r.line) || r.line[i] != w { // there is another word now
				i--
			}
		case f != nil && hasNoEffect(f):
			_, in := r.elsewhere(f.Name)
			r.found(w.Text+" has no effect here: it is a flag of "+pathsOf(in), r.line.Replace(i))
			i--
		case f != nil && len(f.Name) > 1 && !strings.HasPrefix(w.Text, "--") && len(w.Name()) > 1:
			mended := slices.Clone(r.line)
			mended[i].Text = "--" + f.Name
			r.found(w.Text+" is written with two dashes", mended)
			i--
		case isTheirs && strings.Contains(row.Theirs, " ") && r.line.ValueOf(i) >= 0: // judged where it is translated
		case f != nil:
			r.checkValue(i, f)
		}
		if len(r.wrong) > 20 { // nobody means such a line
			return
		}
	}
}

// hasEntry reports whether flags behind -- are those of a client's entry.
func (r *repair) hasEntry() bool { return strings.Contains(r.cmd.Use, "[-- FLAGS]") }

// misplaced moves the flag at i to its side of the -- of config, and reports whether it
// was on the other.
func (r *repair) misplaced(i int) bool {
	w := r.line[i]
	if !r.hasEntry() || !strings.HasPrefix(w.Text, "--") {
		return false
	}
	own, entry := r.flag(w.Name()) != nil, r.root.Flags().Lookup(w.Name()) != nil
	_, known := theirs(w.Name())
	entry = entry || known
	if own == entry || own != w.Behind {
		return false
	}
	end := max(r.line.ValueOf(i), i) + 1
	moved := slices.Clone(r.line[i:end])
	for k := range moved {
		moved[k].Behind = entry
	}
	rest := r.line.Replace(i)
	dashes := rest.Separator()
	switch {
	case entry && dashes < 0:
		rest = append(rest, commandline.Word{Kind: commandline.Separator, Text: "--"})
		r.found(w.Text+" is a flag of the entry, and belongs behind --", append(rest, moved...))
	case entry:
		r.found(w.Text+" is a flag of the entry, and belongs behind --", append(rest, moved...))
	default:
		if rest = slices.Insert(rest, dashes, moved...); rest[len(rest)-1].Kind == commandline.Separator {
			rest = rest[:len(rest)-1]
		}
		r.found(w.Text+" is a flag of "+r.cmd.Name()+", and belongs in front of --", rest)
	}
	return true
}

// unknown finds what the flag at i was to be.
func (r *repair) unknown(i int) {
	w, name, cmd := r.line[i], r.line[i].Name(), r.judges(r.line[i])
	wrong := "unknown flag: " + w.Text
	other, known := otherNames()[name]
	_, isTheirs := theirs(name)
	elsewhere, in := r.elsewhere(name)
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	similar := commandline.Similar(name, append(names, "version"))
	switch {
	case name == "y":
		r.found(w.Text+" is a flag of npx", slices.Delete(slices.Clone(r.line), i, i+1))
	case isTheirs && r.translated(i):
	case known && other.next != "":
		r.stuck(wrong, other.next)
	case known && lookup(cmd, strings.TrimPrefix(cutValue(other.flag), "--")) != nil:
		r.renamed(i, wrong, other.flag)
	case cmd == r.root && r.cmd == r.root && child(r.root, name) != nil:
		r.found(wrong, slices.Insert(r.line.Replace(i), 0, commandline.Word{Text: name}))
		r.cmd, r.depth = child(r.root, name), 1
	case name == "version", len(similar) == 1 && similar[0] == "version":
		r.line = commandline.Line{{Text: "version"}}
		r.found(wrong, r.line)
		r.cmd, r.depth = child(r.root, "version"), 1
	case elsewhere != nil && r.cmd == r.root && len(in) == 1:
		verb := commandline.Word{Text: in[0].Name()}
		r.found(w.Text+" is a flag of "+in[0].CommandPath(), slices.Insert(slices.Clone(r.line), 0, verb))
		r.cmd, r.depth = in[0], 1
	case elsewhere != nil:
		r.found(w.Text+" has no effect here: it is a flag of "+pathsOf(in), r.line.Replace(i))
	case len(similar) == 1:
		r.renamed(i, wrong, "--"+similar[0])
	case len(similar) > 1:
		r.stuck(wrong, "did you mean --"+strings.Join(similar, ", --")+"?")
	default:
		r.stuck(wrong, "see "+r.cmd.CommandPath()+" --help")
	}
}

func cutValue(flag string) string {
	name, _, _ := strings.Cut(flag, "=")
	return name
}

func pathsOf(commands []*cobra.Command) string {
	var paths []string
	for _, c := range commands[:min(len(commands), 3)] {
		if c.HasParent() {
			paths = append(paths, c.CommandPath())
		} else {
			paths = append(paths, c.Use)
		}
	}
	return strings.Join(paths, ", ")
}

// renamed puts a flag of another name, which may have its value, in the place of that at i.
func (r *repair) renamed(i int, wrong, flag string) {
	name, value, hasValue := strings.Cut(flag, "=")
	renamed := []commandline.Word{{Kind: commandline.Flag, Text: name, Behind: r.line[i].Behind}}
	f := lookup(r.judges(r.line[i]), name[2:])
	v := r.line.ValueOf(i)
	switch {
	case hasValue:
		renamed = append(renamed, commandline.Word{Kind: commandline.Value, Text: value})
		if v >= 0 && !r.line[v].Joined { // it was no value of a flag that says all by its name
			renamed = append(renamed, commandline.Word{Text: r.line[v].Text})
		}
	case v >= 0 && f != nil && f.NoOptDefVal != "" && !r.line[v].Joined:
		renamed = append(renamed, commandline.Word{Text: r.line[v].Text})
	case v >= 0:
		renamed = append(renamed, r.line[v])
	}
	r.found(wrong, r.line.Replace(i, renamed...))
}

// translated puts our spelling in the place of mcp-remote's flag at i, unless its value
// cannot be translated.
func (r *repair) translated(i int) bool {
	end := max(r.line.ValueOf(i), i) + 1
	environment := mcpremote.Environment{
		Getenv:   func(string) string { return "x" },
		ReadFile: func(string) ([]byte, error) { return nil, errors.New("not read") },
	}
	ours, err := mcpremote.Translate(r.line[i:end].Words(), func(string) bool { return false }, environment)
	row, _ := theirs(r.line[i].Name())
	if err != nil || slices.ContainsFunc(ours, func(w string) bool { return strings.HasPrefix(w, "--"+clientInfoFlag) }) {
		r.stuck(r.line[i].Text+" is a flag of mcp-remote", "write it as "+row.Ours)
		return true
	}
	words := commandline.Split(ours, r.takesValue)
	if len(words) > 0 && (words[0].Kind != commandline.Flag || r.flag(words[0].Name()) == nil) {
		return false
	}
	r.found(r.line[i].Text+" is spelled otherwise here than for mcp-remote", r.line.Replace(i, words...))
	return true
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
	if f.Value.Set(text) == nil { // of flags that nobody uses
		return
	}
	switch strings.ToLower(f.Value.Type()) {
	case "duration":
		r.checkDuration(v)
	case "bool":
		r.checkBoolean(v)
	case "int":
		number := strings.Trim(text, ": ,.")
		ok := number != "" && strings.Trim(number, "0123456789") == ""
		r.replaceValue(slices.Clone(r.line), v, text, number, ok, "is not a number", "write a whole number, in digits")
	case "size":
		meant, ok := commandline.Size(text)
		r.replaceValue(slices.Clone(r.line), v, text, meant, ok, "is not a size", "write it as 64MiB, 500kB or 1000000")
	default: // its own words
		r.stuck(fmt.Sprintf("%s: %v", w.Text, f.Value.Set(text)), "see "+r.cmd.CommandPath()+" --help")
	}
}

// checkDuration mends a duration; its unit may stand in a word of its own.
func (r *repair) checkDuration(v int) {
	text, mended := r.line[v].Text, slices.Clone(r.line)
	if v+1 < len(r.line) && r.line[v+1].Kind == commandline.Argument {
		if _, isUnit := commandline.Duration("1" + r.line[v+1].Text); isUnit {
			text += " " + r.line[v+1].Text
			mended = mended.Replace(v + 1)
		}
	}
	meant, ok := commandline.Duration(text)
	r.replaceValue(mended, v, text, meant, ok, "is not a duration", "write a number and a unit, such as 30s, 10m or 1h30m")
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
		mended = slices.Insert(mended, v, commandline.Word{Kind: commandline.Value, Text: "false", Joined: true})
	}
	r.found(flag+" takes no value", mended)
}

// replaceValue puts what was meant by text in the place of the value at v, if that is known.
func (r *repair) replaceValue(mended commandline.Line, v int, text, meant string, ok bool, wrong, next string) {
	wrong = fmt.Sprintf("%s %q %s", r.line[v-1].Text, text, wrong)
	if !ok {
		r.stuck(wrong, next)
		return
	}
	mended[v].Text = meant
	r.found(wrong, mended)
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
	case "client-secret", "token", "password", "api-key":
		return "VALUE"
	}
	return value
}
