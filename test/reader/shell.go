package reader

import (
	"context"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"mcp-login/test/binary"
)

// Shell is the reader's own.
type Shell struct {
	Dir string
	Env []string
	// Shown puts what the page shows in the place of what is so on this machine only.
	Shown *strings.Replacer

	server *exec.Cmd // whoami-server in the other terminal
	said   *binary.Output
}

const server = "whoami-server "

// Run runs a command, with further variables, and compares what it prints and whether it
// fails with the page.
func (s *Shell) Run(t *testing.T, c Command, env ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	if strings.HasPrefix(c.Text, server) {
		s.serve(t, c, env)
		return
	}
	cmd, said := s.command(ctx, c, env)
	if err := cmd.Run(); (err != nil) != c.fails() {
		t.Errorf("%s\nends with %v", c.Text, err)
	}
	if err := c.compare(s.Shown.Replace(said.String())); err != nil {
		t.Error(err)
	}
}

// command is a command as bash runs it.
func (s *Shell) command(ctx context.Context, c Command, env []string) (*exec.Cmd, *binary.Output) {
	cmd, said := exec.CommandContext(ctx, "bash", "-c", c.Text), &binary.Output{}
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.Dir, slices.Concat(s.Env, env), said, said
	cmd.WaitDelay = 5 * time.Second // a browser may hold the pipe
	return cmd, said
}

// serve starts whoami-server in the place of the one that runs, and waits for its line.
func (s *Shell) serve(t *testing.T, c Command, env []string) {
	t.Helper()
	s.Stop(t)
	s.server, s.said = s.command(context.WithoutCancel(t.Context()), c, env) // until Stop
	if err := s.server.Start(); err != nil {
		t.Fatal(err)
	}
	ready := s.said.Await(t, `.* listening on .*\n`)[0]
	if printed := s.Shown.Replace(ready); !regexp.MustCompile(c.pattern()).MatchString(printed) {
		t.Errorf("%s\nprints\n%s", c.Text, printed)
	}
}

// Stop is Ctrl-C in the terminal of whoami-server. It must be called at the end.
func (s *Shell) Stop(t *testing.T) {
	t.Helper()
	if s.server == nil {
		return
	}
	_ = s.server.Process.Signal(syscall.SIGINT)
	if err := s.server.Wait(); err != nil {
		t.Errorf("whoami-server: %v\n%s", err, s.said)
	}
	s.server = nil
}
