package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"mcp-login/internal/commandline"
	"mcp-login/internal/hint"
	"mcp-login/internal/hosts"
	"mcp-login/internal/mcpremote"
	"mcp-login/internal/oauth"
)

// repair is a command line that was refused, on its way to what was probably meant: first
// the command is found, then its flags are looked at, then its arguments. Nothing is run.
type repair struct {
	root, cmd *cobra.Command // cmd is the command that is meant
	depth     int            // of cmd below root
	line      commandline.Line
	others    []commandline.Line // that may have been meant as well
	wrong     []string           // what was wrong
	next      string             // what to do, where that is no command line
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
		lines += ", or: " + other.Show(r.root.Name(), shownValue)
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
		if _, ok := commandline.Address(word); ok || strings.Contains(word, "://") {
			r.commandBehind(at)
			return
		}
		wrong := fmt.Sprintf("%q is not a command", word)
		short, known := synonyms()[strings.ToLower(word)]
		switch names := r.similarCommands(word); {
		case known && r.cmd == r.root && short == "":
			r.found(wrong, r.line.Replace(at))
		case known && r.cmd == r.root:
			r.found(wrong, r.line.Replace(at, commandline.Word{Text: short}))
		case len(names) == 0:
			return
		default:
			for _, name := range names[1:] {
				r.others = append(r.others, r.line.Replace(at, commandline.Word{Text: name}))
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

// usage returns what the arguments of the command are, as its help writes them.
func (r *repair) usage() (all []string) {
	for _, word := range strings.Fields(r.cmd.Use)[1:] {
		if strings.HasPrefix(word, "[--") || word == "[flags]" {
			break
		}
		all = append(all, strings.Trim(word, "[]|."))
	}
	return all
}

// checkArguments judges what is neither a flag nor its value, for commands with a URL.
func (r *repair) checkArguments() {
	usage := r.usage()
	place := slices.Index(usage, "URL")
	if place < 0 {
		return
	}
	r.placeURL(place)
	if slices.Contains(usage, "CLIENT") && r.argument(0) >= 0 {
		r.checkClient(r.argument(0))
	}
	at := r.argument(place)
	switch {
	case r.next != "" || at < 0 && len(r.wrong) > 0:
		return
	case at < 0:
		r.missingURL()
		return
	case r.line[at].Behind && r.cmd != r.root:
		return
	}
	word := r.line[at].Text
	if _, err := oauth.CanonicalServer(word, true); err == nil && strings.Contains(word, "://") {
		r.checkRest(place, len(usage))
		return
	} else if address, ok := commandline.Address(word); ok && address != word {
		mended := slices.Clone(r.line)
		mended[at].Text = address
		r.found(addressMistake(word, address), mended)
		r.checkRest(place, len(usage))
		return
	} else if strings.Contains(word, "://") {
		r.stuck(err.Error(), hint.Of(err))
		return
	}
	what := "a URL"
	if r.cmd == r.root {
		what = "a URL or a command"
	}
	r.stuck(fmt.Sprintf("%q is not %s", word, what), "give an address like https://example.com/mcp")
}

// addressMistake says what is wrong with the address that somebody wrote.
func addressMistake(word, address string) string {
	scheme, rest, _ := strings.Cut(address, "://")
	switch {
	case word == rest:
		return fmt.Sprintf("%q has no %s:// in front", word, scheme)
	case strings.Contains(word, address):
		return "there is something around the URL that does not belong to it"
	}
	return fmt.Sprintf("%q is not a URL", word)
}

// missingURL says so where a flag has taken the address for its value. What is said
// otherwise is up to the command.
func (r *repair) missingURL() {
	for i := range r.line {
		flag, v := r.line[i], r.line.ValueOf(i)
		if v >= 0 && !r.line[v].Joined && strings.Contains(r.line[v].Text, "://") && !slices.Contains(addressFlags, flag.Name()) {
			r.stuck(flag.Text+" has taken the URL for its value", "give "+flag.Text+" a value, with the URL behind it")
			return
		}
	}
}

// addressFlags are those whose value may be an address.
var addressFlags = []string{
	"issuer", "accept-issuer", "client-metadata-url", "client-uri", "token-endpoint", "resource", "redirect-uri", "success-url",
	"auth-param", "header", "header-command", "token-command", "user-agent", "scope", "arg",
}

// placeURL moves an address that stands where something else is expected to its place.
func (r *repair) placeURL(place int) {
	isAddress := func(at int) bool {
		_, ok := commandline.Address(r.line[at].Text)
		return ok || strings.Contains(r.line[at].Text, "://")
	}
	for n := 0; ; n++ {
		at, wanted := r.argument(n), r.argument(place)
		switch {
		case at < 0:
			return
		case !isAddress(at) || n == place && !r.line[at].Behind || n != place && wanted >= 0 && isAddress(wanted):
			continue
		}
		word := commandline.Word{Text: r.line[at].Text}
		mended := r.line.Replace(at)
		to := len(mended)
		if all := mended.Arguments(); len(all) > r.depth+place {
			to = all[r.depth+place]
		}
		if dashes := mended.Dashes(); dashes >= 0 {
			to = min(to, dashes)
			word.Behind = false
		}
		r.found("the URL stands in another place: "+r.cmd.UseLine(), slices.Insert(mended, to, word))
		return
	}
}

// checkClient judges the name of an MCP client.
func (r *repair) checkClient(at int) {
	word := r.line[at].Text
	if _, ok := hosts.Find(word); ok {
		return
	}
	names := similarClients(word)
	if len(names) == 0 {
		return
	}
	for _, name := range names[1:] {
		r.others = append(r.others, r.line.Replace(at, commandline.Word{Text: name}))
	}
	r.found(fmt.Sprintf("%q is no client known here", word), r.line.Replace(at, commandline.Word{Text: names[0]}))
}

// similarClients are the clients whose name is like word.
func similarClients(word string) []string {
	plain := strings.NewReplacer(" ", "", "-", "", "_", "")
	var names []string
	byName := map[string]string{}
	for _, c := range hosts.All {
		for _, name := range []string{c.ID, c.Title} {
			name = strings.ToLower(plain.Replace(name))
			names, byName[name] = append(names, name), c.ID
		}
	}
	var ids []string
	for _, name := range commandline.Similar(plain.Replace(word), names) {
		if id := byName[name]; !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// checkRest judges the arguments behind the URL, of which there may be limit in all.
func (r *repair) checkRest(place, limit int) {
	for n := limit; r.next == ""; {
		at := r.argument(n)
		if at < 0 || r.line[at].Behind || strings.Contains(r.cmd.Use, "...") {
			return
		}
		if r.cmd == r.root && n == place+1 && at == r.argument(place)+1 && isPort(r.line[at].Text) {
			n++ // as mcp-remote has it
			continue
		}
		r.checkFurther(at, place)
	}
}

func isPort(word string) bool {
	n, err := strconv.ParseUint(word, 10, 16)
	return err == nil && n > 0
}

// checkFurther judges one argument that is too many. It may be a secret: it is not shown.
func (r *repair) checkFurther(at, place int) {
	word, before := r.line[at].Text, r.line[at-1]
	without := r.line.Replace(at)
	_, address := commandline.Address(word)
	_, boolean := commandline.Boolean(word)
	number := strings.Trim(word, "0123456789") == ""
	switch {
	case r.cutHeader(at):
	case boolean && before.Kind == commandline.Flag:
		if yes, _ := commandline.Boolean(word); !yes {
			without = without.Replace(at - 1)
		}
		r.found(before.Text+" takes no value", without)
	case number && !isPort(word):
		r.found(word+" is no port; behind the URL mcp-remote takes that of the redirect URI", without)
	case number:
		if f := r.flag("callback-port"); f != nil && !f.Hidden {
			without = append(without, r.callback(r.line[r.argument(place)].Text, word)...)
		}
		r.found("a port behind the URL is that of the redirect URI for mcp-remote, and a flag here", without)
	case address || strings.Contains(word, "://"):
		r.stuck("two URLs where one is expected", "run it once for each of them; a client has one entry for each")
	default:
		total := len(r.line.Arguments()) - r.depth
		r.stuck(fmt.Sprintf("%d arguments where %d is expected", total, place+1), "quote the URL if it holds blanks or &")
	}
}

// callback are our flags for the port that mcp-remote takes behind the URL.
func (r *repair) callback(url, port string) commandline.Line {
	flags, err := mcpremote.Translate([]string{url, port}, func(string) bool { return false }, mcpremote.Environment{})
	if err != nil {
		return nil
	}
	return commandline.Split(slices.DeleteFunc(flags, func(word string) bool { return word == url }), r.takesValue)
}

// cutHeader joins what is left of a header whose blanks were not quoted, and reports
// whether the argument at is of one.
func (r *repair) cutHeader(at int) bool {
	v := at - 1
	if v < 1 || r.line[v].Kind != commandline.Value || r.line[v-1].Name() != "header" {
		return false
	}
	mended := r.line.Replace(at)
	mended[v].Text += " " + r.line[at].Text
	r.found("the value of --header holds blanks and is not quoted", mended)
	return true
}
