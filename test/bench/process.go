package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"mcp-login/test/bench/kernel"
)

// usage is what a process had used when it ended.
type usage struct {
	cpu  time.Duration // with the children it has waited for
	exit time.Duration // from the end of its input to its own
}

// process is a session through the process of a bridge.
type process struct {
	cmd  *exec.Cmd
	box  *inbox
	said *tail
	home string

	mu sync.Mutex // around in
	in io.WriteCloser
}

// patience is how long a bridge may take to end before it is killed.
const patience = 10 * time.Second

// start runs the command of a bridge with a home directory of its own.
func start(command []string, home string, env ...string) (*process, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(environment(home), env...)
	cmd.Dir = home
	p := &process{cmd: cmd, box: newInbox(), said: &tail{}, home: home}
	cmd.Stderr = p.said
	// A helper that a bridge leaves behind may keep stderr open.
	cmd.WaitDelay = time.Second
	kernel.Alone(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", command[0], err)
	}
	p.in = in
	go p.box.read(out)
	return p, nil
}

func (p *process) post(line []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.in.Write(line)
	return err
}

func (p *process) inbox() *inbox { return p.box }
func (p *process) pid() int      { return p.cmd.Process.Pid }

// close ends the input and waits for the process, killing it when it stays.
func (p *process) close() (usage, error) {
	from := time.Now()
	_ = p.in.Close()
	overdue := time.AfterFunc(patience, func() { kernel.Kill(p.cmd) })
	<-p.box.ended // Wait would cut what is still to be read
	err := p.cmd.Wait()
	took := time.Since(from)
	if !overdue.Stop() {
		return usage{}, fmt.Errorf("did not end within %v of the end of its input: %s", patience, p.said)
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	state := p.cmd.ProcessState
	if err != nil && state == nil {
		return usage{}, err
	}
	return usage{cpu: state.UserTime() + state.SystemTime(), exit: took}, nil
}

// kept are the variables that a bridge sees of ours: what programs need to
// run at all, and what the Go runtime can be told.
var kept = []string{"PATH", "LANG", "TMPDIR", "SYSTEMROOT", "TEMP", "TMP", "GOGC", "GOMEMLIMIT", "GOMAXPROCS", "GODEBUG"}

// environment is that of a person with an empty home and no desktop.
func environment(home string) []string {
	env := []string{
		"HOME=" + home, "USERPROFILE=" + home, "XDG_CONFIG_HOME=" + filepath.Join(home, ".config"), "XDG_DATA_HOME=" + filepath.Join(home, ".local", "share"),
		"XDG_STATE_HOME=" + filepath.Join(home, ".local", "state"), "XDG_CACHE_HOME=" + filepath.Join(home, ".cache"),
		"APPDATA=" + filepath.Join(home, "AppData"), "LOCALAPPDATA=" + filepath.Join(home, "LocalAppData"), "NO_PROXY=127.0.0.1",
	}
	for _, name := range kept {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if len(t.b) > 2048 {
		t.b = append(t.b[:0], t.b[len(t.b)-1024:]...)
	}
	return len(p), nil
}

// String returns the last lines.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.TrimSpace(string(t.b))
	return text[max(0, len(text)-400):]
}

// limited bounds a measure in time.
func limited(limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(context.Background(), limit, fmt.Errorf("nothing within %v", limit))
}
