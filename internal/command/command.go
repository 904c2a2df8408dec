package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth/grant"
)

// Bounds of one run.
const (
	// runTimeout is how long a command may take.
	runTimeout = 30 * time.Second
	// maxPrinted bounds what is read of each of its outputs, in bytes: far above what
	// servers accept as a token or a header.
	maxPrinted = 64 << 10
	// maxWaitDelay is how long its outputs may stay open after it has ended, by a child
	// that it has left behind.
	maxWaitDelay = time.Second
	// maxProgram bounds the name of a program in texts, in characters.
	maxProgram = 60
)

// Command is one program with its arguments.
type Command struct {
	flag  string // for errors: the one that gave it
	words []string
}

// Parse reads the command line that a flag gave. An error shows nothing of it.
func Parse(flag, line string) (Command, error) {
	words, err := splitLine(line, runtime.GOOS == "windows")
	switch {
	case errors.Is(err, errShell):
		return Command{}, &hint.Error{Op: "read " + flag, Err: err, Hint: `name the shell as the program, such as: ` + flag + ` "sh -c 'op read op://vault/item | head -n 1'"`}
	case err != nil:
		return Command{}, &hint.Error{Op: "read " + flag, Err: err, Hint: `write the program and its arguments, with quotation marks around what holds blanks, such as: ` + flag + ` 'op read "op://my vault/item/key"'`}
	}
	return Command{flag, words}, nil
}

// String names the flag and the program. The arguments may be secret.
func (c Command) String() string {
	name := c.words[0]
	if i := strings.LastIndexAny(name, `/\`); i >= 0 && i+1 < len(name) {
		name = name[i+1:]
	}
	return c.flag + " (" + foreign.LineOf(name, maxProgram) + ")"
}

// Placeholder returns the command line with a word in the place of the arguments, for hints:
// the arguments may be secret.
func (c Command) Placeholder() string {
	if len(c.words) == 1 {
		return c.words[0]
	}
	return c.words[0] + " ARGUMENTS"
}

var (
	errTooMuch          = fmt.Errorf("it printed more than %d KiB", maxPrinted>>10)
	errTooLong          = fmt.Errorf("it has not ended within %v", runTimeout)
	errSeveral          = errors.New("it printed more than one line")
	errNothing          = errors.New("it printed nothing")
	errControlCharacter = errors.New("it printed a control character")
)

// Run returns the line that the command prints. path is the variable PATH. What it writes to
// its standard error goes to log as one line. When ctx ends, the command and all that it has
// started are ended.
func (c Command) Run(ctx context.Context, path string, log *slog.Logger) (grant.Secret, error) {
	program, err := find(c.words[0], path)
	if err != nil {
		return grant.Secret{}, err
	}
	limited, cancel := context.WithTimeoutCause(ctx, runTimeout, errTooLong)
	defer cancel()
	stdout, stderr, err := execute(limited, nil, program, c.words[1:]...)
	c.logStderr(log, stdout, stderr, err)
	switch cause := context.Cause(limited); {
	case stdout.overflow:
		return grant.Secret{}, errTooMuch // also if it ended by itself
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return oneLine(stdout.text.Bytes())
	case cause == nil, ctx.Err() == nil && errors.Is(cause, context.Canceled):
		return grant.Secret{}, c.withoutPath(err)
	default:
		return grant.Secret{}, cause
	}
}

// execute runs a program with env, nil for that of this process. When ctx ends, or the program
// prints too much, it ends with all that it has started.
func execute(ctx context.Context, env []string, program string, args ...string) (stdout, stderr *boundedOutput, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // the person's own choice
	cmd.WaitDelay, cmd.Env = maxWaitDelay, env
	stdout, stderr = &boundedOutput{onOverflow: stop}, &boundedOutput{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	end, err := start(cmd)
	if err == nil {
		err = cmd.Wait()
		end()
	}
	return stdout, stderr, err
}

// Output runs a program with env until ctx ends, within the bounds of a Command, and returns
// what it prints.
func Output(ctx context.Context, env []string, program string, args ...string) ([]byte, error) {
	stdout, _, err := execute(ctx, env, program, args...)
	if stdout.overflow {
		return nil, errTooMuch
	}
	return stdout.text.Bytes(), err
}

// logStderr logs what a command wrote to its standard error, as one line, without what it
// printed: a shell that traces its commands repeats that there.
func (c Command) logStderr(log *slog.Logger, stdout, stderr *boundedOutput, err error) {
	level := slog.LevelDebug
	if err != nil {
		level = slog.LevelWarn
	}
	text := stderr.text.String()
	if stderr.overflow {
		text = text[:max(0, len(text)-stdout.text.Len())] // it may end in the middle of the secret
	}
	for secret := range strings.FieldsSeq(stdout.text.String()) {
		text = strings.ReplaceAll(text, secret, "[redacted]")
	}
	if text = foreign.Line(strings.TrimSpace(text)); text != "" {
		log.Log(context.Background(), level, "the command of "+c.String()+" says", "stderr", text)
	}
}

// withoutPath removes the path of the program from the error of a failed start.
func (c Command) withoutPath(err error) error {
	var unstarted *exec.Error
	if errors.As(err, &unstarted) {
		return unstarted.Err
	}
	return err
}

// oneLine returns the line that a command printed, without its end.
func oneLine(printed []byte) (grant.Secret, error) {
	line := bytes.TrimPrefix(printed, []byte("\ufeff"))
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	switch {
	case len(bytes.TrimSpace(line)) == 0:
		return grant.Secret{}, errNothing
	case bytes.ContainsAny(line, "\r\n"):
		return grant.Secret{}, errSeveral
	case bytes.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return grant.Secret{}, errControlCharacter
	}
	return grant.NewSecret(string(bytes.TrimSpace(line))), nil
}

// boundedOutput keeps the first maxPrinted bytes of what a command writes. onOverflow, which
// may be nil, is called when there are more.
type boundedOutput struct {
	text       bytes.Buffer
	overflow   bool
	onOverflow func()
}

// Write implements io.Writer.
func (o *boundedOutput) Write(p []byte) (int, error) {
	if room := maxPrinted - o.text.Len(); len(p) > room {
		o.text.Write(p[:room])
		o.overflow = true
		if o.onOverflow != nil {
			o.onOverflow()
		}
		return len(p), nil
	}
	return o.text.Write(p)
}

// find returns the path of a program. A name without a folder is looked for in the folders of
// path alone, not in the current folder, where somebody else may have put it.
func find(name, path string) (string, error) {
	places := []string{name}
	if filepath.Base(name) == name {
		places = nil
		for _, folder := range filepath.SplitList(path) {
			if filepath.IsAbs(folder) {
				places = append(places, filepath.Join(folder, name))
			}
		}
	}
	for _, place := range places {
		program, err := exec.LookPath(place)
		switch {
		case err != nil:
			continue
		case !runnable(program):
			return "", &hint.Error{Err: errScript, Hint: scriptHint}
		}
		return program, nil
	}
	return "", &hint.Error{Err: errors.New("the program is not found"), Hint: "give its whole path: hosts start programs with a shorter PATH than terminals have, the current folder is not searched, and ~ and $HOME are not replaced"}
}

// maxLine bounds a command line in bytes.
const maxLine = 32 << 10

var (
	errLong      = errors.New("the command line is too long")
	errControl   = errors.New("the command line holds a control character")
	errQuote     = errors.New("a quotation mark is not closed")
	errBackslash = errors.New("nothing stands behind the last backslash")
	errShell     = errors.New("it is written for a shell, and none is run")
	errNoProgram = errors.New("it names no program")
)

// splitLine splits a command line as people write it for a shell, without running one:
//
//   - blanks, tabs and line ends separate words;
//   - between ' and ' all characters stand for themselves;
//   - between " and " so they do, but \" is a quotation mark and \\ a backslash;
//   - elsewhere a backslash makes the next character an ordinary one;
//   - on Windows a backslash is an ordinary character everywhere, as paths need it;
//   - nothing is expanded: no variables, no ~, no patterns.
//
// A word that begins, outside of quotation marks, with an operator of a shell (| & ; < > `
// $( ) is an error. The first word, the program, is never "".
func splitLine(line string, windows bool) ([]string, error) {
	switch {
	case len(line) > maxLine:
		return nil, errLong
	case strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && !isBlank(r) || r == 0x7f }):
		return nil, errControl
	}
	var words []string
	var word strings.Builder
	begun, quote := false, byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == 0 && isBlank(rune(c)):
			if begun {
				words = append(words, word.String())
				word.Reset()
			}
			begun = false
			continue
		case quote == 0 && !begun && shellOperator(line[i:]):
			return nil, errShell
		case c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case c == '\\' && !windows && quote != '\'':
			if i+1 == len(line) {
				return nil, errBackslash
			}
			if next := line[i+1]; quote == 0 || next == '"' || next == '\\' {
				c = next
				i++
			}
			word.WriteByte(c)
		default:
			word.WriteByte(c)
		}
		begun = true
	}
	if quote != 0 {
		return nil, errQuote
	}
	if begun {
		words = append(words, word.String())
	}
	if len(words) == 0 || words[0] == "" {
		return nil, errNoProgram
	}
	return words, nil
}

func isBlank(c rune) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// shellOperator reports whether a word begins with an operator of a shell.
func shellOperator(word string) bool {
	return strings.IndexByte("|&;<>`", word[0]) >= 0 || strings.HasPrefix(word, "$(")
}
