package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mcp-login/internal/commandline"
	"mcp-login/internal/hint"
	"mcp-login/internal/hosts"
)

// usage returns what the arguments of the command are, as its help writes them.
func (r *repair) usage() (all []string) {
	isForm := func(w commandline.Word) bool {
		return w.Kind == commandline.Flag && slices.Contains([]string{"list", "from-mcp-remote", "remove"}, w.Name())
	}
	if r.cmd.Name() == "config" && slices.ContainsFunc(r.line, isForm) {
		return []string{"CLIENT"}
	}
	use, _, _ := strings.Cut(r.cmd.Use, " [-")
	for _, word := range strings.Fields(strings.ReplaceAll(use, " | -", ""))[1:] {
		all = append(all, strings.Trim(word, "[]."))
	}
	return all
}

// checkArguments judges what is neither a flag nor its value, for commands with a URL or
// a client.
func (r *repair) checkArguments() {
	usage := r.usage()
	place := slices.Index(usage, "URL")
	client := slices.Index(usage, "CLIENT")
	if place < 0 && client < 0 {
		return
	}
	first := r.argument(0)
	switch {
	case client == 0 && first >= 0 && r.argument(1) < 0 && isAddress(r.line[first].Text):
		r.stuck("no client in front of the URL", "known clients: "+hostNames())
		return
	case place < 0 && first >= 0 && isAddress(r.line[first].Text):
		r.stuck("no URL belongs here", "see "+r.cmd.CommandPath()+" --help")
		return
	}
	checks := []func(){
		func() { r.checkFurther(place, len(usage)) },
		func() { r.placeURL(place) },
		func() { r.checkClient(client) },
		func() { r.checkURL(place) },
	}
	for _, check := range checks {
		if check(); r.mended || r.next != "" {
			return
		}
	}
}

// checkURL judges the argument that is the URL.
func (r *repair) checkURL(place int) {
	at := r.argument(place)
	switch {
	case place < 0:
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
		return
	}
	if address, ok := commandline.Address(word); ok && address != word {
		mended := slices.Clone(r.line)
		mended[at].Text = address
		r.mend(addressMistake(word, address), mended)
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
	r.stuck(named(word)+" is not "+what, "give an address like https://example.com/mcp")
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
		name := valueName(flag.Name())
		if v >= 0 && r.line[v].Joined == "" && name != "URL" && name != "URI" && checkURL(r.line[v].Text) == nil {
			r.stuck(flag.Text+" has taken the URL for its value", "give "+flag.Text+" a value, with the URL behind it")
			return
		}
	}
	if path := r.cmd.CommandPath(); len(r.wrong) > 0 && strings.HasSuffix(r.cmd.Use, " URL") {
		r.next = "run: " + path + " https://example.com/mcp, or " + path + " --help"
	}
}

// placeURL moves an address that stands where something else is expected to its place.
func (r *repair) placeURL(place int) {
	for n := 0; place >= 0; n++ {
		at, wanted := r.argument(n), r.argument(place)
		switch {
		case at < 0:
			return
		case !isAddress(r.line[at].Text), n == place && !r.line[at].Behind, n != place && wanted >= 0 && isAddress(r.line[wanted].Text):
			continue
		}
		mended := r.line.Replace(at)
		to := len(mended)
		if all := mended.Arguments(); len(all) > r.depth+place {
			to = all[r.depth+place]
		}
		if dashes := mended.Separator(); dashes >= 0 {
			to = min(to, dashes)
		}
		mended = slices.Insert(mended, to, commandline.Word{Text: r.line[at].Text})
		if mended[len(mended)-1].Kind == commandline.Separator {
			mended = mended[:len(mended)-1]
		}
		r.mend("the URL stands in another place: "+usageLine(r.cmd), mended)
		return
	}
}

// isAddress reports whether a word is an address, or was to be.
func isAddress(word string) bool {
	_, ok := commandline.Address(word)
	return ok || strings.Contains(word, "://")
}

// checkClient judges the name of an MCP client, which is the nth argument.
func (r *repair) checkClient(n int) {
	at := r.argument(n)
	if at < 0 {
		return
	}
	word := r.line[at].Text
	if _, ok := hosts.Find(word); ok {
		return
	}
	wrong := fmt.Sprintf("%q is no client known here", word)
	switch names := similarClients(word); len(names) {
	case 0:
	case 1:
		r.mend(wrong, r.line.Replace(at, commandline.Word{Text: names[0]}))
	default:
		r.stuck(wrong, "did you mean "+strings.Join(names, " or ")+"?")
	}
}

// similarClients are the clients whose name is like word.
func similarClients(word string) []string {
	plain := strings.NewReplacer(" ", "-", "_", "-")
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

func isPort(word string) bool {
	n, err := strconv.ParseUint(word, 10, 16)
	return err == nil && n > 0
}

// further are the places of the arguments where there are more than limit.
func (r *repair) further(limit int) []int {
	all := r.line.Arguments()
	all = slices.DeleteFunc(all[min(r.depth, len(all)):], func(at int) bool { return r.line[at].Behind && r.hasEntry() })
	asMCPRemote := len(all) == limit+1 && r.takesEntry(r.cmd) && all[limit] == all[limit-1]+1 && isPort(r.line[all[limit]].Text)
	if len(all) <= limit || asMCPRemote || strings.HasSuffix(r.cmd.Use, "...]") {
		return nil
	}
	return all
}

// checkCut mends what is left of the value of a flag where there are too many arguments:
// blanks were not quoted, or the flag takes no value.
func (r *repair) checkCut() {
	usage := r.usage()
	all := r.further(len(usage))
	if !slices.Contains(usage, "URL") && !slices.Contains(usage, "CLIENT") {
		return
	}
	for at, w := range r.line {
		if !slices.Contains(all, at) && (w.Kind != commandline.Argument || !w.Behind || !r.hasEntry()) {
			continue
		}
		before, mended := r.line[max(at-1, 0)], r.line.Replace(at)
		yes, boolean := commandline.Boolean(w.Text)
		switch {
		case w.Text == "":
			r.mend("there is an empty argument", mended)
		case before.Kind == commandline.Flag && boolean:
			if !yes {
				mended = mended.Replace(at - 1)
			}
			r.mend(before.Text+" takes no value", mended)
		case before.Kind == commandline.Value && !isAddress(w.Text) && w.Behind == before.Behind:
			mended[at-1].Text += " " + w.Text
			r.mend("the value of "+r.line[at-2].Text+" holds blanks and is not quoted", mended)
		default:
			continue
		}
		return
	}
}

// checkFurther judges arguments that are too many: there may be limit. They may be secret,
// and are not shown.
func (r *repair) checkFurther(place, limit int) {
	all := r.further(limit)
	if len(all) == 0 {
		return
	}
	at := all[limit]
	word, without := r.line[at].Text, r.line.Replace(at)
	switch {
	case r.line[all[0]].Text == r.cmd.Name() && r.cmd != r.root:
		r.mend(r.cmd.Name()+" stands there twice", r.line.Replace(all[0]))
	case isPort(word) && r.cmd.Name() == "config":
		mended := without
		if mended.Separator() < 0 {
			mended = append(mended, commandline.Word{Kind: commandline.Separator, Text: "--"})
		}
		r.mend("a port behind the URL is a word of the entry", slices.Insert(mended, mended.Separator()+1, commandline.Word{Text: word}))
	case isPort(word) && !r.takesEntry(r.cmd):
		r.mend("a port behind the URL is that of the redirect URI for mcp-remote, and has no effect here", without)
	case !isPort(word) && strings.Trim(word, "0123456789") == "":
		r.mend(word+" is no port; behind the URL mcp-remote takes that of the redirect URI", without)
	case place >= 0 && isAddress(word) && isAddress(r.line[all[place]].Text):
		r.stuck("two URLs where one is expected", "run it once for each of them; a client has one entry for each")
	default:
		r.stuck(fmt.Sprintf("%d arguments where %d is expected", len(all), limit), "see "+r.cmd.CommandPath()+" --help")
	}
}
