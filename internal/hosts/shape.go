package hosts

// field is one member of an entry, in the order it is written. Its value is a
// string, a []string, a bool, an int or []field.
type field struct {
	name  string
	value any
}

// Shapes of an entry that runs a program. Every client documents its own.

func plain(s Server) []field {
	return []field{{"command", s.Command}, {"args", s.Args}}
}

func typedStdio(s Server) []field {
	return append([]field{{"type", "stdio"}}, plain(s)...)
}

func copilot(s Server) []field {
	return append(append([]field{{"type", "local"}}, plain(s)...), field{"tools", []string{"*"}})
}

func named(s Server) []field {
	return append([]field{{"name", s.Name}}, plain(s)...)
}

func oneCommand(s Server) []field {
	return []field{{"type", "local"}, {"command", append([]string{s.Command}, s.Args...)}, {"enabled", true}}
}

func oneCommandNewer(s Server) []field { return oneCommand(s)[:2] }

func goose(s Server) []field {
	return []field{
		{"name", s.Name},
		{"type", "stdio"},
		{"cmd", s.Command},
		{"args", s.Args},
		{"enabled", true},
		{"envs", []field{}},
		{"timeout", 300},
	}
}

// Names under which clients keep what is looked for.
var (
	commandNames = []string{"command", "cmd"}
	urlNames     = []string{"url", "serverUrl", "httpUrl", "uri"}
)

// serverOf reads a server from an entry, whatever the client: a command with
// args, a list that holds both, or an object with path and args; or an address.
func serverOf(name string, group []string, v view) (entry, bool) {
	e := entry{Server: Server{Name: name, Group: group}, view: v}
	for _, key := range commandNames {
		command, ok := v.member(key)
		if !ok {
			continue
		}
		arguments, hasArgs := v.member("args")
		if path, ok := command.member("path"); ok {
			arguments, hasArgs = command.member("args")
			command = path
		}
		words, ok := command.words()
		if !ok || len(words) == 0 {
			return entry{}, false
		}
		e.command, e.args = words[0], words[1:]
		if hasArgs {
			more, ok := arguments.words()
			if !ok {
				return entry{}, false
			}
			e.args = append(e.args, more...)
		}
		e.Command = e.command.text
		for _, w := range e.args {
			e.Args = append(e.Args, w.text)
		}
		return e, true
	}
	for _, key := range urlNames {
		if address, ok := v.member(key); ok {
			if words, ok := address.words(); ok && len(words) == 1 {
				e.URL = words[0].text
				return e, true
			}
		}
	}
	return entry{}, false
}

// view is a value of any format.
type view interface {
	// member is the value of a name in an object.
	member(name string) (view, bool)
	// words are a string, or the strings of a list of nothing else.
	words() ([]word, bool)
}
