package hosts

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"mcp-login/internal/foreign"
)

// Kind says what an entry is to us.
type Kind string

// Kinds of entries.
const (
	KindOwn       Kind = "mcp-login"  // runs mcp-login
	KindMCPRemote Kind = "mcp-remote" // runs mcp-remote, in any of its forms
	KindRemote    Kind = "remote"     // the client connects by itself
	KindOther     Kind = "program"    // some other program
)

// Kind returns what the server is.
func (s Server) Kind() Kind {
	if s.Command == "" {
		return KindRemote
	}
	if program(s.Command) == "mcp-login" {
		return KindOwn
	}
	if _, why := mcpRemote(s.argv()); why == "" || mentions(s.argv()) {
		return KindMCPRemote
	}
	return KindOther
}

func (s Server) argv() []string { return append([]string{s.Command}, s.Args...) }

// Address is the server that mcp-login, mcp-remote or the client connects to,
// fit to be shown: without user, query and fragment, and with … for parts of the
// path that are long enough to be a key. It is empty for other programs.
func (s Server) Address() string {
	raw := s.URL
	if kind := s.Kind(); kind == KindOwn || kind == KindMCPRemote {
		i := slices.IndexFunc(s.Args, func(a string) bool {
			return strings.HasPrefix(a, "https://") || strings.HasPrefix(a, "http://")
		})
		if i < 0 {
			return ""
		}
		raw = s.Args[i]
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return ""
	}
	parts := strings.Split(u.Path, "/")
	for i, part := range parts {
		if parts[i] = foreign.Address(part); len(part) >= 20 {
			parts[i] = "…"
		}
	}
	return foreign.Address(u.Scheme+"://"+u.Host) + strings.Join(parts, "/")
}

// Rewriting is what [Client.Rewrite] did with one entry that runs mcp-remote.
type Rewriting struct {
	Name  string
	Group []string
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
	var changes []change
	for _, e := range doc.entries() {
		if e.Command == "" || e.Kind() != KindMCPRemote {
			continue
		}
		r := Rewriting{Name: e.Name, Group: e.Group}
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
			changes = append(changes, change{group: e.Group, name: e.Name, want: &want, words: true, limit: r.Added})
		}
		all = append(all, r)
	}
	if len(edits) == 0 {
		return body, all, nil
	}
	out, err = c.prove(body, edits, changes...)
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

// program is the name of a program without folder and the endings of Windows.
func program(word string) string {
	word = strings.ToLower(word[strings.LastIndexAny(word, `/\`)+1:])
	for _, ending := range []string{".exe", ".cmd", ".bat", ".ps1"} {
		word = strings.TrimSuffix(word, ending)
	}
	return word
}

// isPackage reports whether a word names the package mcp-remote, in any version.
func isPackage(word string) bool {
	word = strings.TrimPrefix(word, "npm:")
	if repository, ok := strings.CutPrefix(word, "github:"); ok {
		repository, _, _ = strings.Cut(repository, "#")
		return repository == "geelen/mcp-remote" || repository == "punkpeye/mcp-remote"
	}
	name, _, _ := strings.Cut(word, "@")
	return name == "mcp-remote"
}

// mentions reports whether mcp-remote is started in some way, judged by the words
// in front of the first address.
func mentions(argv []string) bool {
	for _, word := range argv {
		front, _, isAddress := strings.Cut(word, "://")
		if strings.Contains(front, "mcp-remote") {
			return true
		}
		if isAddress {
			return false
		}
	}
	return false
}

// mcpRemote returns how many words of a command line start mcp-remote, or why
// they cannot be replaced by one.
func mcpRemote(argv []string) (words int, why string) {
	words, why = launcher(argv, 0)
	switch {
	case why != "":
		return 0, why
	case words >= len(argv):
		return 0, "it names no server"
	case slices.ContainsFunc(argv[words:], func(a string) bool { return strings.Contains(a, "host.docker.internal") }) && words > 1:
		return 0, "its address holds only inside a container"
	}
	return words, ""
}

const notRecognised = "how it starts mcp-remote is not recognised"

// runners are programs that fetch a package and run it, with the verb that
// makes them do so.
var runners = map[string][]string{
	"npx": nil, "bunx": nil, "pnpx": nil,
	"bun": {"x"}, "npm": {"exec", "x"}, "pnpm": {"dlx", "exec"}, "yarn": {"dlx", "exec"}, "deno": {"run"},
}

func launcher(argv []string, i int) (int, string) {
	if i >= len(argv) {
		return 0, notRecognised
	}
	name := program(argv[i])
	next := func(n int) string {
		if i+n < len(argv) {
			return argv[i+n]
		}
		return ""
	}
	verbs, isRunner := runners[name]
	switch {
	case isRunner && len(verbs) > 0 && !slices.Contains(verbs, next(1)):
		return 0, notRecognised
	case isRunner:
		return fetched(argv, i+1+min(len(verbs), 1))
	case name == "mcp-remote":
		return i + 1, ""
	case name == "cmd" && strings.EqualFold(next(1), "/c"):
		return launcher(argv, i+2)
	case name == "env" && !strings.Contains(next(1), "="):
		return launcher(argv, i+1)
	case name == "node" && strings.HasSuffix(strings.ReplaceAll(next(1), `\`, "/"), "/mcp-remote/dist/proxy.js"):
		return i + 2, ""
	case (name == "docker" || name == "podman") && next(1) == "run":
		return container(argv, i+2)
	}
	return 0, notRecognised
}

// fetched reads the options of a runner, the package, and with -p its program.
func fetched(argv []string, i int) (int, string) {
	flags := []string{"-y", "--yes", "-q", "--quiet", "-s", "--silent", "--bun", "--prefer-online", "--prefer-offline", "--offline", "--ignore-existing", "-A", "--allow-all", "--"}
	withValue := []string{"-p", "--package", "--registry", "--cache", "--loglevel", "--userconfig"}
	wanted := false
	for ; i < len(argv); i++ {
		word := argv[i]
		name, value, joined := strings.Cut(word, "=")
		switch {
		case slices.Contains(flags, word), strings.HasPrefix(word, "--allow-"):
		case slices.Contains(withValue, name) && (joined || i+1 < len(argv)):
			if !joined {
				i++
				value = argv[i]
			}
			if name == "-p" || name == "--package" {
				wanted = wanted || isPackage(value)
			}
		case strings.HasPrefix(word, "-"):
			return 0, fmt.Sprintf("the option %s of its launcher is not recognised", name)
		case isPackage(word) || wanted && word == "mcp-remote":
			return i + 1, ""
		default:
			return 0, notRecognised
		}
	}
	return 0, notRecognised
}

// container reads "docker run": only options that make no difference outside.
func container(argv []string, i int) (int, string) {
	flags := []string{"--rm", "-i", "-t", "-it", "-ti", "--interactive", "--tty", "--init"}
	withValue := []string{"-p", "--publish", "--name", "--network", "--net", "--pull", "--platform", "-e", "--env", "-v", "--volume"}
	for ; i < len(argv); i++ {
		word := argv[i]
		name, value, joined := strings.Cut(word, "=")
		switch {
		case slices.Contains(flags, word):
			continue
		case slices.Contains(withValue, name) && (joined || i+1 < len(argv)):
			if !joined {
				i++
				value = argv[i]
			}
			if why := insideOnly(name, value); why != "" {
				return 0, why
			}
			continue
		case strings.HasPrefix(word, "-"):
			return 0, fmt.Sprintf("the option %s of its container is not recognised", name)
		}
		image, _, _ := strings.Cut(word[strings.LastIndexByte(word, '/')+1:], "@")
		if image, _, _ = strings.Cut(image, ":"); image == "mcp-remote" {
			return i + 1, ""
		}
		return launcher(argv, i+1)
	}
	return 0, notRecognised
}

// insideOnly says why a container's option cannot be dropped.
func insideOnly(name, value string) string {
	switch {
	case (name == "-e" || name == "--env") && strings.Contains(value, "="):
		return "it sets a variable on its command line; move it into the entry's environment first"
	case (name == "-v" || name == "--volume") && !strings.Contains(value, ".mcp-auth"):
		return "it mounts a folder into its container"
	case strings.HasPrefix(name, "--net") && value != "host" && value != "bridge":
		return "it runs in a network of its own"
	}
	return ""
}
