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
	"mcp-login/internal/oauth"
)

// Bounds of one run.
const (
	// Deadline is how long a command may take.
	Deadline = 30 * time.Second
	// maxPrinted bounds what is read of each of its outputs, in bytes: far above a
	// token and a header that servers take.
	maxPrinted = 64 << 10
	// maxOverdue is how long a child that it has left behind may keep its outputs
	// open.
	maxOverdue = time.Second
	// maxProgram bounds the name that is shown, in characters.
	maxProgram = 60
)

// Command is one program with its arguments.
type Command struct {
	flag  string // that gave it, for errors
	words []string
}

// Parse reads the command line that a flag gave. An error shows nothing of it.
func Parse(flag, line string) (Command, error) {
	words, err := Words(line, runtime.GOOS == "windows")
	switch {
	case errors.Is(err, errShell):
		return Command{}, &oauth.Error{Op: "read " + flag, Err: err, Hint: `name the shell as the program, such as: ` + flag + ` "sh -c 'op read op://vault/item | head -n 1'"`}
	case err != nil:
		return Command{}, &oauth.Error{Op: "read " + flag, Err: err, Hint: `write the program and its arguments, with quotation marks around what holds blanks, such as: ` + flag + ` 'op read "op://my vault/item/key"'`}
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

// Placeholder is the command line with a word in the place of the arguments, for a
// shell and a reader who know them.
func (c Command) Placeholder() string {
	if len(c.words) == 1 {
		return c.words[0]
	}
	return c.words[0] + " ARGUMENTS"
}

var (
	errTooMuch = fmt.Errorf("it printed more than %d KiB", maxPrinted>>10)
	errTooLong = fmt.Errorf("it has not ended within %v", Deadline)
	errSeveral = errors.New("it printed more than one line")
	errNothing = errors.New("it printed nothing")
	errStrange = errors.New("it printed a control character")
)

// run returns the line that the command prints. path is the variable PATH. What it says on its standard error
// goes to log as one line. When ctx ends, all that it has started ends.
func (c Command) run(ctx context.Context, path string, log *slog.Logger) (oauth.Secret, error) {
	program, err := find(c.words[0], path)
	if err != nil {
		return oauth.Secret{}, err
	}
	limited, cancel := context.WithTimeoutCause(ctx, Deadline, errTooLong)
	defer cancel()
	limited, stop := context.WithCancelCause(limited)
	defer stop(nil)
	cmd := exec.CommandContext(limited, program, c.words[1:]...) //nolint:gosec // the person's own choice
	cmd.WaitDelay = maxOverdue
	out, said := &output{full: func() { stop(errTooMuch) }}, &output{}
	cmd.Stdout, cmd.Stderr = out, said
	end, err := start(cmd)
	if err == nil {
		err = cmd.Wait()
		end()
	}
	c.report(log, out, said, err)
	switch cause := context.Cause(limited); {
	case out.over:
		return oauth.Secret{}, errTooMuch // it may have ended before it was ended
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return oneLine(out.text.Bytes())
	case cause == nil, ctx.Err() == nil && errors.Is(cause, context.Canceled):
		return oauth.Secret{}, c.withoutPath(err)
	default:
		return oauth.Secret{}, cause
	}
}

// report writes what a command said on its standard error, as one line, without what
// it printed: a shell that traces its commands says that there.
func (c Command) report(log *slog.Logger, out, said *output, err error) {
	level := slog.LevelDebug
	if err != nil {
		level = slog.LevelWarn
	}
	text := said.text.String()
	if said.over {
		text = text[:max(0, len(text)-out.text.Len())] // it may end in the middle of it
	}
	for secret := range strings.FieldsSeq(out.text.String()) {
		text = strings.ReplaceAll(text, secret, "[redacted]")
	}
	if text = foreign.Line(strings.TrimSpace(text)); text != "" {
		log.Log(context.Background(), level, "the command of "+c.String()+" says", "stderr", text)
	}
}

// withoutPath leaves out of an error what is no news: the name of the program.
func (c Command) withoutPath(err error) error {
	var unstarted *exec.Error
	if errors.As(err, &unstarted) {
		return unstarted.Err
	}
	return err
}

// oneLine returns the line that a command printed, without its end.
func oneLine(printed []byte) (oauth.Secret, error) {
	line := bytes.TrimPrefix(printed, []byte("\ufeff"))
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	switch {
	case len(bytes.TrimSpace(line)) == 0:
		return oauth.Secret{}, errNothing
	case bytes.ContainsAny(line, "\r\n"):
		return oauth.Secret{}, errSeveral
	case bytes.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return oauth.Secret{}, errStrange
	}
	return oauth.NewSecret(string(bytes.TrimSpace(line))), nil
}

// output keeps the beginning of what a command writes. One that has to be complete is
// told when it is too long.
type output struct {
	text bytes.Buffer
	over bool
	full func()
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	if room := maxPrinted - o.text.Len(); len(p) > room {
		o.text.Write(p[:room])
		o.over = true
		if o.full != nil {
			o.full()
		}
		return len(p), nil
	}
	return o.text.Write(p)
}

// find returns the program that a name means. One without a folder is looked for in
// the folders of path alone: in the current one somebody else may have put it there.
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
			return "", &oauth.Error{Err: errScript, Hint: scriptHint}
		}
		return program, nil
	}
	return "", &oauth.Error{Err: errors.New("the program is not found"), Hint: "give its whole path: hosts start programs with a shorter PATH than terminals have, the current folder is not searched, and ~ and $HOME are not replaced"}
}
