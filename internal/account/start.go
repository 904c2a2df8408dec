package account

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
// that one, else ok is false. It starts this program once more and ends, so that the
// login has no parent among the processes of the host: hosts that end all that they have
// started go from parent to child, on Windows as well (taskkill /T). It reads nothing of stdin, where
// the new process is told what to do when this one has ended.
func StartDetached(args []string, stdin *os.File) (ok bool, err error) {
	if len(args) == 0 || args[0] != startWord {
		return false, nil
	}
	program, err := os.Executable()
	if err != nil {
		return true, err
	}
	cmd := exec.Command(program, args[1:]...) //nolint:gosec,noctx // our own program, and it is to outlive this one
	detached(cmd)
	cmd.Stdin = stdin
	cmd.Stdout, cmd.Stderr = terminal.Files()
	return true, start(cmd)
}

// loginProcess is a detached login on its way.
type loginProcess struct {
	ended         <-chan error // how the first half of its start ended
	stdin, stdout *os.File
}

// startLogin begins the start of the detached login. What that process writes to its
// stderr is copied to stderr as long as both run. It goes through a pipe: a host that
// waits for the end of our stderr would otherwise wait for the login.
func startLogin(args []string, stderr io.Writer) (p loginProcess, err error) {
	program, err := os.Executable()
	if err != nil {
		return p, err
	}
	// Not bound to a context: it is to outlive this process.
	cmd := exec.Command(program, append([]string{startWord, "login", "--" + DetachedFlag}, args...)...) //nolint:gosec,noctx // our own program, see above
	detached(cmd)
	var ours, theirs [3]*os.File
	for i := range ours {
		read, write, err := os.Pipe()
		if err != nil {
			closeAll(ours[:i], theirs[:i])
			return p, err
		}
		ours[i], theirs[i] = read, write
	}
	ours[0], theirs[0] = theirs[0], ours[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs[0], theirs[1], theirs[2]
	err = start(cmd)
	closeAll(theirs[:])
	if err != nil {
		closeAll(ours[:])
		return p, err
	}
	go func() {
		_, _ = io.Copy(stderr, ours[2])
		_ = ours[2].Close()
	}()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return loginProcess{ended, ours[0], ours[1]}, nil
}

func closeAll(lists ...[]*os.File) {
	for _, files := range lists {
		for _, f := range files {
			_ = f.Close()
		}
	}
}
