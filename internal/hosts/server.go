package hosts

import (
	"errors"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
)

// Server is one entry of a host's configuration.
type Server struct {
	// Name is what the host calls the server.
	Name string
	// Command and Args are what the host runs; empty where it connects itself.
	Command string
	Args    []string
	// URL is the address the host connects to by itself, if it does.
	URL string
	// Group is where the entry stands, when that is not the usual place: the
	// keys from the top to the object of servers.
	Group []string
}

// Project is the folder that Claude Code keeps the entry for, "" for an entry that holds
// everywhere.
func (s Server) Project() string {
	if len(s.Group) == 3 {
		return s.Group[1]
	}
	return ""
}

// Kind says what an entry is to us.
type Kind string

// Kinds of entries.
const (
	KindOwn       Kind = "mcp-login"  // runs mcp-login
	KindMCPRemote Kind = "mcp-remote" // runs mcp-remote, in any of its forms
	KindRemote    Kind = "remote"     // the host connects by itself
	KindOther     Kind = "program"    // some other program
)

// Kind returns what the server is.
func (s Server) Kind() Kind {
	if s.Command == "" {
		return KindRemote
	}
	if _, _, ok := own(s.argv()); ok {
		return KindOwn
	}
	if _, why := mcpRemote(s.argv()); why == "" || mentions(s.argv()) {
		return KindMCPRemote
	}
	return KindOther
}

func (s Server) argv() []string { return append([]string{s.Command}, s.Args...) }

// Arguments are those of mcp-login or mcp-remote, without the words that start it.
func (s Server) Arguments() []string {
	argv := s.argv()
	if _, words, ok := own(argv); ok {
		return argv[words:]
	}
	words, _ := mcpRemote(argv)
	return argv[max(1, words):]
}

// Address is the server that mcp-login, mcp-remote or the host connects to,
// fit to be shown: without user, query and fragment, and with … for parts of the
// path that are long enough to be a key. It is empty for other programs.
func (s Server) Address() string {
	raw := s.URL
	if kind := s.Kind(); kind == KindOwn || kind == KindMCPRemote {
		args := s.Arguments()
		i := slices.IndexFunc(args, func(a string) bool {
			return strings.HasPrefix(a, "https://") || strings.HasPrefix(a, "http://")
		})
		if i < 0 {
			return ""
		}
		raw = args[i]
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

// valid refuses what no format can carry.
func (s Server) valid() error {
	for _, text := range append([]string{s.Name, s.Command}, s.Args...) {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return errors.New("a name or an argument is not text")
		}
	}
	if s.Name == "" || s.Command == "" {
		return errors.New("a server needs a name and a command")
	}
	return throughCmd(s.argv())
}

// throughCmd refuses words that cmd.exe of Windows would not hand on as they are. Hosts start
// npx by it; it reads the line once more, and takes what stands behind & for the next command,
// also in an address that somebody has copied. Nobody can quote for all of them: a word with a
// blank gets quotes from the host, another does not.
func throughCmd(argv []string) error {
	special := func(word string) bool { return strings.ContainsAny(word, "&|<>^%!()\"\r\n") }
	if program(argv[0]) == "cmd" && slices.ContainsFunc(argv, special) {
		return hint.With(errThroughCmd, "add --copy, which puts a copy of it where it stays")
	}
	return nil
}

var errThroughCmd = errors.New("the entry would start npx by cmd.exe, which takes & | < > ^ % ! ( ) and quotation marks in its arguments for its own")

// Entry is the entry for a server of mcp-login, which start starts: its address, with flags.
// Those that the host needs are added, unless they are given.
func (h Host) Entry(name string, start []string, address string, flags []string) Server {
	return Server{Name: name, Command: start[0], Args: slices.Concat(start[1:], []string{address}, h.flagsBeside(flags), flags)}
}

// flagsBeside are Host.Flags, unless they are among args.
func (h Host) flagsBeside(args []string) []string {
	given := func(arg string) bool {
		return len(h.Flags) > 0 && (arg == h.Flags[0] || strings.HasPrefix(arg, h.Flags[0]+"="))
	}
	if slices.ContainsFunc(args, given) {
		return nil
	}
	return h.Flags
}

// NameOf makes a name for an entry of the address of its server: the label of the host that
// tells it from others.
func NameOf(server *url.URL) string {
	host := server.Hostname()
	if _, err := netip.ParseAddr(host); err == nil {
		return "local"
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	if len(labels) > 1 {
		labels = labels[:len(labels)-1]
	}
	labels = slices.DeleteFunc(labels, func(l string) bool {
		return len(labels) > 1 && slices.Contains([]string{"mcp", "www", "api", "co", "com"}, l)
	})
	if len(labels) == 0 || labels[len(labels)-1] == "" {
		return "remote"
	}
	return labels[len(labels)-1]
}

// SameFile reports whether a path leads to one of the files that others lead to.
func SameFile(path string, others ...string) bool {
	one, err := os.Stat(path)
	return err == nil && slices.ContainsFunc(others, func(other string) bool {
		two, err := os.Stat(other)
		return err == nil && os.SameFile(one, two)
	})
}
