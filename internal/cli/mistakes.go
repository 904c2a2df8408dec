package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"mcp-login/internal/commandline"
	"mcp-login/internal/hint"
)

// repair is a command line that was refused, on its way to what was probably meant: first
// the command is found, then its flags are looked at, then its arguments. Nothing is run.
type repair struct {
	root, cmd *cobra.Command // cmd is the command that is meant
	depth     int            // of cmd below root
	line      commandline.Line
	others    [][]string // lines that may have been meant as well
	wrong     []string   // what was wrong
	next      string     // what to do, where that is no command line
}

// mistake says what is wrong with the command line of this run, and which one was
// meant. refused is what is said where nothing is known about it.
func (a *app) mistake(refused error) error {
	r := judge(newRoot(a), a.given)
	switch {
	case len(r.wrong) == 0:
		return usageError{refused}
	case r.next != "":
		return usageError{hint.With(errors.New(strings.Join(r.wrong, "; ")), r.next)}
	}
	lines := r.line.Show(r.root.Name(), shownValue)
	for _, other := range r.others {
		lines += ", or: " + judge(newRoot(a), other).line.Show(r.root.Name(), shownValue)
	}
	return usageError{hint.With(errors.New(strings.Join(r.wrong, "; ")), "did you mean: "+lines)}
}

// judge repairs a command line as far as it can.
func judge(root *cobra.Command, words []string) *repair {
	root.InitDefaultHelpFlag()
	r := &repair{root: root, cmd: root}
	r.line = commandline.Split(words, r.takesValue)
	r.findCommand()
	r.line = commandline.Split(r.line.Words(), r.takesValue) // by the flags of that command
	r.cmd.InitDefaultHelpFlag()
	r.checkFlags()
	if r.next == "" {
		r.checkArguments()
	}
	return r
}

// found notes what is wrong, and the line in which it is mended.
func (r *repair) found(wrong string, mended commandline.Line) {
	if !slices.Contains(r.wrong, wrong) {
		r.wrong = append(r.wrong, wrong)
	}
	r.line = mended
}

// stuck notes what is wrong where no line can be proposed.
func (r *repair) stuck(wrong, next string) {
	r.found(wrong, r.line)
	r.next = next
}

// argument returns the place of the nth argument of the command, -1 if it has fewer.
func (r *repair) argument(n int) int {
	if at := r.line.Arguments(); len(at) > r.depth+n {
		return at[r.depth+n]
	}
	return -1
}

// synonyms are what other programs call a verb, in lower case; "" stands for the
// bridge, which has none.
var synonyms = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	for verb, names := range map[string]string{
		"":        "run start serve connect bridge proxy remote stdio npx bunx mcp-login",
		"call":    "tools/call call-tool invoke exec execute use",
		"config":  "add install setup configure init settings migrate",
		"doctor":  "check diagnose test ping debug verify troubleshoot health",
		"help":    "man usage commands /? /help /h",
		"login":   "auth authenticate authorize authorise signin sign-in sign_in log-in logon",
		"logout":  "signout sign-out log-out logoff remove rm delete revoke forget reset",
		"status":  "whoami who accounts logins sessions ps info",
		"token":   "access-token get-token print-token bearer refresh",
		"tools":   "list ls list-tools tools/list show inspect",
		"version": "ver",
	} {
		for name := range strings.FieldsSeq(names) {
			all[name] = verb
		}
	}
	return all
})

// findCommand finds the command, also one that is misspelled or stands behind the address.
func (r *repair) findCommand() {
	for {
		at := r.argument(0)
		if at < 0 || r.line[at].Behind || !r.cmd.HasSubCommands() {
			return
		}
		word := r.line[at].Text
		name, _, _ := strings.Cut(word, "@")
		if name == "mcp-remote" && r.cmd == r.root && r.argument(1) >= 0 {
			r.found("mcp-login stands in the place of mcp-remote", r.line.Replace(at))
			continue
		}
		if c := child(r.cmd, word); c != nil {
			r.cmd, r.depth = c, r.depth+1
			continue
		}
		if isAddress(word) {
			r.commandBehind(at)
			return
		}
		wrong := fmt.Sprintf("%q is not a command", word)
		short, known := synonyms()[strings.ToLower(word)]
		if short == "tools" && r.argument(1) < 0 {
			short = "status" // which lists what is kept
		}
		switch names := r.similarCommands(word); {
		case known && r.cmd == r.root && short == "":
			r.found(wrong, r.line.Replace(at))
		case known && r.cmd == r.root:
			r.found(wrong, r.line.Replace(at, commandline.Word{Text: short}))
		case len(names) == 0:
			return
		default:
			for _, name := range names[1:] {
				r.others = append(r.others, r.line.Replace(at, commandline.Word{Text: name}).Words())
			}
			r.found(wrong, r.line.Replace(at, commandline.Word{Text: names[0]}))
		}
	}
}

// similarCommands are the commands below the one that is meant so far whose name is like
// word: those that do something, else topics of the help.
func (r *repair) similarCommands(word string) []string {
	for _, runnable := range []bool{true, false} {
		var names []string
		for _, c := range r.cmd.Commands() {
			if !c.Hidden && c.Runnable() == runnable {
				names = append(names, c.Name())
			}
		}
		if names = commandline.Similar(word, names); len(names) > 0 {
			return names
		}
	}
	return nil
}

// commandBehind moves a command that stands behind the address at to the front.
func (r *repair) commandBehind(at int) {
	behind := r.argument(1)
	if r.cmd != r.root || behind < 0 || r.line[behind].Behind {
		return
	}
	c := child(r.root, r.line[behind].Text)
	if c == nil || !c.Runnable() {
		return
	}
	mended := slices.Insert(r.line.Replace(behind), at, r.line[behind])
	r.found("the command stands in front of the URL", mended)
	r.cmd, r.depth = c, 1
}
