package hosts

import (
	"fmt"
	"strings"
)

// field is one member of an entry, in the order it is written. Its value is a
// string, a []string, a bool, an int or []field.
type field struct {
	name  string
	value any
}

// Shapes of an entry that runs a program. Every host documents its own.

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

// inline writes a value on one line; lists and scalars are written alike in all formats.
func inline(value any, quote func(string) string) string {
	switch value := value.(type) {
	case string:
		return quote(value)
	case []string:
		quoted := make([]string, len(value))
		for i, v := range value {
			quoted[i] = quote(v)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	case bool, int:
		return fmt.Sprint(value)
	}
	panic(fmt.Sprintf("hosts: a field of type %T", value))
}
