package cli

import (
	"io"
	"os"
	"os/exec"

	"mcp-login/internal/terminal"
)

// startWord as the first argument is the first half of the start of a detached
// login. It is not for people.
const startWord = "start-detached"

// StartDetached is the process that a detached login begins with, if args are of
// that one: it starts this program once more, and returns the code to end with, so
// that the parent of the login is no process of the host's: hosts that end all that they
// started go from parent to child, on Windows as well (taskkill /T). It reads nothing
// of stdin, where the new process is told what to do when this one has ended.
func StartDetached(args []string) (code int, ok bool) {
	if len(args) == 0 || args[0] != startWord {
		return 0, false
	}
	program, err := os.Executable()
	if err != nil {
		return exitFailure, true
	}
	cmd := exec.Command(program, args[1:]...) //nolint:gosec,noctx // our own program, and it is to outlive this one
	detached(cmd)
	cmd.Stdin = os.Stdin
	cmd.Stdout, cmd.Stderr = terminal.Files()
	if start(cmd) != nil {
		return exitFailure, true
	}
	return exitOK, true
}

// launch is a detached login on its way.
type launch struct {
	ended <-chan error // how the first half of its start ended
	tell  *os.File     // its stdin
	said  *os.File     // its stdout
}

// launchLogin begins the start of the detached login. What it says on stderr goes to
// words as long as both run: through a pipe, since a host that waits for the end of
// our stderr would wait for the login.
func launchLogin(args []string, words io.Writer) (l launch, err error) {
	program, err := os.Executable()
	if err != nil {
		return l, err
	}
	// Not bound to a context: it is to outlive this process.
	cmd := exec.Command(program, append([]string{startWord, "login", "--" + detachedFlag}, args...)...) //nolint:gosec,noctx // our own program, see above
	detached(cmd)
	var ours, theirs [3]*os.File
	for i := range ours {
		read, write, err := os.Pipe()
		if err != nil {
			closeAll(ours[:i], theirs[:i])
			return l, err
		}
		ours[i], theirs[i] = read, write
	}
	ours[0], theirs[0] = theirs[0], ours[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs[0], theirs[1], theirs[2]
	err = start(cmd)
	closeAll(theirs[:])
	if err != nil {
		closeAll(ours[:])
		return l, err
	}
	go func() {
		_, _ = io.Copy(words, ours[2])
		_ = ours[2].Close()
	}()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return launch{ended, ours[0], ours[1]}, nil
}

func closeAll(lists ...[]*os.File) {
	for _, files := range lists {
		for _, f := range files {
			_ = f.Close()
		}
	}
}
