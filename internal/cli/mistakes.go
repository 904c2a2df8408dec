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

// repair is a command line that was refused, on its way to what was probably meant. One
// thing is mended, and the line judged again, until nothing is wrong with it: so nothing
// is proposed that has a mistake known here. Nothing is run.
type repair struct {
	root, cmd *cobra.Command // cmd is the command that is meant
	depth     int            // of cmd below root
	line      commandline.Line
	mended    bool     // since the line was judged
	wrong     []string // what was wrong
	next      string   // what to do, where that is no command line
}

// mistake says what is wrong with the command line of this run, and which one was
// meant. refused is what is said where nothing is known about it.
func (a *app) mistake(refused error) error {
	if a.trial {
		return refused
	}
	r := judge(newRoot(a), a.given)
	if r.cmd != r.root {
		a.verb = r.cmd.Name()
	}
	if len(r.wrong) == 0 {
		return usageError{refused}
	}
	meant := r.line.Words()
	if r.next == "" && (slices.Equal(meant, a.given) || !a.takes(meant)) {
		r.next = "see " + r.cmd.CommandPath() + " --help"
	}
	if r.next == "" {
		r.next = "did you mean: " + r.line.Show(r.root.Name(), shownValue)
	}
	return usageError{hint.With(errors.New(strings.Join(r.wrong, "; ")), r.next)}
}

// takes reports whether this program takes a command line, as far as that can be told
// without running it.
func (a *app) takes(words []string) bool {
	trial := &app{version: a.version, getenv: a.getenv, term: a.term, files: a.files, trial: true}
	root := newRoot(trial)
	if len(words) == 0 {
		return false
	}
	words, err := trial.translate(root, words)
	if err != nil {
		return false
	}
	cmd, rest, err := root.Find(words)
	if err != nil {
		return false
	}
	cmd.InitDefaultHelpFlag()
	if cmd.ParseFlags(rest) != nil || refused(cmd.Flags()) != nil {
		return false
	}
	rest = cmd.Flags().Args()
	return cmd.ValidateArgs(rest) == nil && (cmd.Runnable() || len(rest) == 0)
}

// maxMended bounds how many mistakes one line may have: nobody means one with more.
const maxMended = 20

// judge repairs a command line as far as it can.
func judge(root *cobra.Command, words []string) *repair {
	root.InitDefaultHelpFlag()
	r := &repair{root: root}
	for range maxMended {
		r.cmd, r.depth, r.mended = root, 0, false
		r.line = commandline.Split(words, r.takesValue)
		for _, check := range []func(){r.splitWords, r.findCommand, r.checkCut, r.checkFlags, r.checkArguments} {
			if check(); r.mended || r.next != "" {
				break
			}
		}
		if !r.mended || r.next != "" {
			return r
		}
		words = r.line.Words()
	}
	r.next = "see " + r.cmd.CommandPath() + " --help"
	return r
}

// mend notes what is wrong, and the line in which that is mended.
func (r *repair) mend(wrong string, mended commandline.Line) {
	if !slices.Contains(r.wrong, wrong) {
		r.wrong = append(r.wrong, wrong)
	}
	r.line, r.mended = mended, true
}

// stuck notes what is wrong where no line can be proposed.
func (r *repair) stuck(wrong, next string) {
	r.mend(wrong, r.line)
	r.next = next
}

// argument returns the place of the nth argument of the command, -1 if it has fewer.
func (r *repair) argument(n int) int {
	if at := r.line.Arguments(); n >= 0 && len(at) > r.depth+n {
		return at[r.depth+n]
	}
	return -1
}

// named is a word in a text, unless it may hold a password.
func named(word string) string {
	if strings.Contains(word, "@") {
		return "a word with an @"
	}
	return fmt.Sprintf("%q", word)
}

// splitWords takes an address apart that has the words behind it in the same string, as
// clients get it whose entry has one string for all arguments.
func (r *repair) splitWords() {
	for _, at := range r.line.Arguments() {
		words := strings.Fields(r.line[at].Text)
		if len(words) < 2 || r.line[at].Behind || child(r.root, words[0]) == nil && (!isAddress(words[0]) || words[1][0] != '-') {
			continue
		}
		var apart []commandline.Word
		for _, word := range words {
			apart = append(apart, commandline.Word{Text: strings.Trim(word, `"'`)})
		}
		r.mend("several words stand in one string", r.line.Replace(at, apart...))
		return
	}
}

// synonyms are what other programs call a verb, in lower case; "" stands for the
// bridge, which has none.
var synonyms = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	for verb, names := range map[string]string{
		"":          "run start serve connect bridge proxy remote stdio npx bunx mcp-login",
		"call":      "tools/call call-tool invoke exec execute use",
		"config":    "add install setup configure init settings migrate",
		"doctor":    "check diagnose test ping debug verify troubleshoot health",
		"help":      "man usage commands /? /help /h",
		"login":     "auth authenticate authorize authorise signin sign-in sign_in log-in logon",
		"logout":    "signout sign-out log-out logoff remove rm delete revoke forget reset",
		"status":    "whoami who accounts logins sessions ps info",
		"token":     "access-token get-token print-token bearer refresh",
		"tools":     "list ls list-tools tools/list show inspect",
		"uninstall": "purge deinstall unsetup cleanup",
		"version":   "ver",
	} {
		for name := range strings.FieldsSeq(names) {
			all[name] = verb
		}
	}
	return all
})

// findCommand finds the command, also one that is misspelled or stands behind the address.
func (r *repair) findCommand() {
	for !r.mended && r.next == "" && r.cmd.HasSubCommands() {
		at := r.argument(0)
		if at < 0 || r.line[at].Behind {
			break
		}
		word, further := r.line[at].Text, r.argument(1) >= 0
		name, _, _ := strings.Cut(word, "@")
		c := child(r.cmd, word)
		switch {
		case name == "mcp-remote" && r.cmd == r.root && further:
			r.mend("mcp-login stands in the place of mcp-remote", r.line.Replace(at))
		case c != nil && (c.Runnable() || !further):
			r.cmd, r.depth = c, r.depth+1
		case isAddress(word):
			r.commandBehind(at)
			r.resplit()
			return
		default:
			if !r.renameCommand(at, further) && c != nil {
				r.stuck(named(word)+" is a page of the help", "read it with: mcp-login help "+c.Name())
			} else if !r.mended {
				return
			}
		}
	}
	r.resplit()
}

// resplit takes the line apart by the flags of the command that was found.
func (r *repair) resplit() {
	if !r.mended {
		r.cmd.InitDefaultHelpFlag()
		r.line = commandline.Split(r.line.Words(), r.takesValue)
	}
}

// renameCommand puts the command that was meant in the place of the word at, which may be
// the first of two: "sign in". It reports whether it knows one.
func (r *repair) renameCommand(at int, further bool) bool {
	word := r.line[at].Text
	wrong := named(word) + " is not a command"
	if second := r.argument(1); further && r.cmd == r.root && !isAddress(r.line[second].Text) {
		for _, joint := range []string{"", "-"} {
			joined := word + joint + r.line[second].Text
			if _, known := synonyms()[strings.ToLower(joined)]; known || child(r.root, joined) != nil {
				r.mend(wrong, r.line.Replace(second).Replace(at, commandline.Word{Text: joined}))
				return true
			}
		}
	}
	verb, known := synonyms()[strings.ToLower(word)]
	names := r.similarCommands(word, further)
	switch {
	case known && r.cmd == r.root && (verb == "" || verb == "call") && !further: // alone it says too little
		r.stuck(wrong, "see mcp-login --help")
	case known && r.cmd == r.root && verb == "":
		r.mend(wrong, r.line.Replace(at))
	case known && r.cmd == r.root:
		if verb == "tools" && !further {
			verb = "status" // which lists what is kept
		}
		r.mend(wrong, r.line.Replace(at, commandline.Word{Text: verb}))
	case len(names) == 1:
		r.mend(wrong, r.line.Replace(at, commandline.Word{Text: names[0]}))
	case len(names) > 1:
		r.stuck(wrong, "did you mean "+strings.Join(names, " or ")+"?")
	default:
		return false
	}
	return true
}

// similarCommands are the commands below the one that is meant so far whose name is like
// word: those that do something, else topics of the help, which stand alone.
func (r *repair) similarCommands(word string, further bool) []string {
	for _, runnable := range []bool{true, false} {
		var names []string
		for _, c := range r.cmd.Commands() {
			if !c.Hidden && c.Runnable() == runnable && (runnable || !further) {
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
	word := r.line[behind].Text
	if names := r.similarCommands(word, true); len(names) == 1 {
		word = names[0]
	}
	if c := child(r.root, word); c != nil && strings.Contains(c.Use, "URL") {
		r.mend("the command stands in front of the URL", slices.Insert(r.line.Replace(behind), at, commandline.Word{Text: word}))
	}
}
