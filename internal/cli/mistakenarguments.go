package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mcp-login/internal/commandline"
	"mcp-login/internal/hint"
	"mcp-login/internal/hosts"
	"mcp-login/internal/mcpremote"
)

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
	if place > 0 && r.argument(0) >= 0 && r.argument(1) < 0 && isAddress(r.line[r.argument(0)].Text) {
		r.stuck("no client in front of the URL", "known clients: "+hostNames())
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
	err := checkURL(word)
	if err == nil {
		r.checkRest(place, len(usage))
		return
	}
	if address, ok := commandline.Address(word); ok && address != word {
		mended := slices.Clone(r.line)
		mended[at].Text = address
		r.found(addressMistake(word, address), mended)
		r.checkRest(place, len(usage))
		return
	}
	if strings.Contains(word, "://") {
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
	for n := 0; ; n++ {
		at, wanted := r.argument(n), r.argument(place)
		switch {
		case at < 0:
			return
		case !isAddress(r.line[at].Text), n == place && !r.line[at].Behind, n != place && wanted >= 0 && isAddress(r.line[wanted].Text):
			continue
		}
		word := commandline.Word{Text: r.line[at].Text}
		mended := r.line.Replace(at)
		to := len(mended)
		if all := mended.Arguments(); len(all) > r.depth+place {
			to = all[r.depth+place]
		}
		if dashes := mended.Separator(); dashes >= 0 {
			to = min(to, dashes)
			word.Behind = false
		}
		mended = slices.Insert(mended, to, word)
		if mended[len(mended)-1].Kind == commandline.Separator {
			mended = mended[:len(mended)-1]
		}
		r.found("the URL stands in another place: "+r.cmd.CommandPath()+" "+strings.Join(r.usage(), " "), mended)
		return
	}
}

// isAddress reports whether a word is an address, or was to be.
func isAddress(word string) bool {
	_, ok := commandline.Address(word)
	return ok || strings.Contains(word, "://")
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
		r.others = append(r.others, r.line.Replace(at, commandline.Word{Text: name}).Words())
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
	_, boolean := commandline.Boolean(word)
	number := strings.Trim(word, "0123456789") == ""
	switch {
	case r.cutHeader(at):
	case word == "":
		r.found("there is an empty argument", without)
	case boolean && before.Kind == commandline.Flag:
		if yes, _ := commandline.Boolean(word); !yes {
			without = without.Replace(at - 1)
		}
		r.found(before.Text+" takes no value", without)
	case number && !isPort(word):
		r.found(word+" is no port; behind the URL mcp-remote takes that of the redirect URI", without)
	case number:
		flags := r.callback(r.line[r.argument(place)].Text, word)
		switch f := r.flag("callback-port"); {
		case f != nil && !f.Hidden:
			without = append(without, flags...)
		case r.hasEntry() && without.Separator() < 0:
			without = append(append(without, commandline.Word{Kind: commandline.Separator, Text: "--"}), flags...)
		}
		r.found("a port behind the URL is that of the redirect URI for mcp-remote, and a flag here", without)
	case isAddress(word):
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
