package terminal

import (
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
)

// program begins every line on stderr: a client's log mixes the lines of several
// programs.
const program = "mcp-login: "

// maxArgument bounds one argument of a line, in characters. A long path fits, and a
// flood does not hide the words behind it.
const maxArgument = 2000

// Address is an address as an argument of a line.
type Address string

// Command is a command to copy, as an argument of a line. It is not broken.
type Command string

// Advice says what to do, as an argument of a line. What a person copies out of it is not
// broken.
type Advice string

// styled is text with escape sequences of this package, which are not filtered.
type styled string

// filterArguments replaces the arguments of a format by filtered ones.
func filterArguments(args []any) {
	for i, arg := range args {
		switch arg := arg.(type) {
		case bool, int, int64, uint, uint32, uint64, float64, styled:
		case Address:
			args[i] = foreign.Address(string(arg))
		case *url.URL:
			args[i] = foreign.Address(arg.String())
		case Command:
			args[i] = strings.ReplaceAll(foreign.LineOf(hint.Spell(string(arg)), maxArgument), " ", kept)
		case Advice:
			args[i] = keepWhole(foreign.Message(hint.Spell(string(arg))))
		default:
			args[i] = foreign.LineOf(hint.Spell(fmt.Sprint(arg)), maxArgument)
		}
	}
}

// line formats one line with filtered arguments. On a terminal it is wrapped.
func (t *Terminal) line(onTerminal bool, prefix, format string, args []any) string {
	filterArguments(args)
	text := fmt.Sprintf(hint.Spell(format), args...)
	if strings.HasPrefix(format, hintPrefix) {
		text = hintPrefix + keepWhole(text[len(hintPrefix):])
	}
	return wrap(prefix+text, t.columns(onTerminal)) + "\n"
}

const hintPrefix = "hint: "

// Note prints one line on stderr. Each argument is filtered.
func (t *Terminal) Note(format string, args ...any) {
	t.write(t.stderr(), t.line(t.config.ErrIsTerminal, program, format, args))
}

// Print prints one line on stdout. Each argument is filtered.
func (t *Terminal) Print(format string, args ...any) {
	t.write(t.stdout(), t.line(t.config.OutIsTerminal, "", format, args))
}

// PrintIndented is Print whose rows below the first begin in a column of their own, where
// the window leaves room for that.
func (t *Terminal) PrintIndented(columns int, format string, args ...any) {
	filterArguments(args)
	window, below := t.columns(t.config.OutIsTerminal), indent
	if columns <= window/2 {
		below = strings.Repeat(" ", columns)
	}
	t.write(t.stdout(), hang(fmt.Sprintf(format, args...), window, below)+"\n")
}

// Error prints an error, and below it the hint in it, if there is one.
func (t *Terminal) Error(err error) {
	lines := wrap(program+"error: "+foreign.Message(err.Error()), t.columns(t.config.ErrIsTerminal)) + "\n"
	if next := hint.Of(err); next != "" {
		lines += wrap(program+hintPrefix+keepWhole(foreign.Message(next)), t.columns(t.config.ErrIsTerminal)) + "\n"
	}
	t.write(t.stderr(), lines)
}

// Address prints an address, or a code to type at one, on a line of its own on stderr,
// without the program's name, so that it can be copied.
func (t *Terminal) Address(address string) {
	t.write(t.stderr(), foreign.Address(address)+"\n")
}

// Result prints what a tool said on stdout: with its lines, and to a pipe as it
// is.
func (t *Terminal) Result(text string) {
	if t.config.OutIsTerminal {
		text = foreign.Text(text)
	}
	t.write(t.stdout(), strings.TrimSuffix(text, "\n")+"\n")
}

// ResultAddress is Result for an address.
func (t *Terminal) ResultAddress(address string) {
	if t.config.OutIsTerminal {
		address = foreign.Address(address)
	}
	t.write(t.stdout(), address+"\n")
}

// ResultJSON is Result for encoded JSON.
func (t *Terminal) ResultJSON(encoded []byte) {
	if t.config.OutIsTerminal {
		encoded = foreign.JSON(encoded)
	}
	t.write(t.stdout(), string(encoded)+"\n")
}

// Colours of [Terminal.Colour] (ECMA-48, SGR).
const (
	Green  = "32"
	Yellow = "33"
	Red    = "31"
	Bold   = "1"
	Dim    = "2"
)

// Colour returns an argument for Print that shows text in a colour, where colours
// are wanted.
func (t *Terminal) Colour(colour, text string) any {
	if !t.config.OutIsTerminal || t.config.Plain {
		return text
	}
	return styled("\x1b[" + colour + "m" + foreign.Line(text) + "\x1b[0m")
}

// write prints text in one write. Its error is dropped: there is no other place to
// report it, and a reader that has closed stdout does not wait for it.
func (t *Terminal) write(w io.Writer, text string) {
	_, _ = io.WriteString(w, text)
}

// JSON prints v on stdout as the one object of --json. Invisible characters and
// control characters are escaped, also inside raw JSON values.
func (t *Terminal) JSON(v any) error {
	b, err := json.Marshal(v, jsontext.WithIndent("  "), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	t.wroteJSON.Store(true)
	t.write(t.stdout(), string(foreign.JSON(b))+"\n")
	return nil
}

// WroteJSON reports whether [Terminal.JSON] has printed.
func (t *Terminal) WroteJSON() bool { return t.wroteJSON.Load() }
