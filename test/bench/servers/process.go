package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"mcp-login/test/bench/kernel"
)

const (
	startTimeout = 30 * time.Second
	stopTimeout  = 20 * time.Second
)

// process is a running server.
type process struct {
	cmd     *exec.Cmd
	address string // where it answers
	ops     string // where its metrics are, if it has any
	path    string
	since   time.Time

	read chan struct{} // closed when its output has ended
	mu   sync.Mutex
	said []string // its last lines
}

// start starts a subject and waits until it listens.
func start(ctx context.Context, s *subject) (*process, error) {
	p := &process{path: s.path, read: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, s.command[0], s.command[1:]...)
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir(), "SYSTEMROOT=" + os.Getenv("SYSTEMROOT")}, s.env...)
	for _, name := range []string{"GOGC", "GOMEMLIMIT", "GOMAXPROCS", "GODEBUG"} {
		if v, ok := os.LookupEnv(name); ok {
			p.cmd.Env = append(p.cmd.Env, name+"="+v)
		}
	}
	kernel.Alone(p.cmd)
	out, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout = p.cmd.Stderr // where some write their log
	p.since = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", s.command[0], err)
	}
	ready := make(chan struct{})
	go p.listen(bufio.NewScanner(out), s, ready)
	timer := time.NewTimer(startTimeout)
	defer timer.Stop()
	select {
	case <-ready:
		if s.address != "" {
			p.address = s.address
			err = p.awaitListener(ctx)
		}
		if err == nil {
			return p, nil
		}
	case <-p.read:
		err = errors.New("ended before it listened")
	case <-timer.C:
		err = errors.New("does not listen")
	}
	said := p.tail()
	_ = p.close()
	return nil, fmt.Errorf("%s: %w: %s", s.name, err, said)
}

// listen reads what the server says until it has said all.
func (p *process) listen(lines *bufio.Scanner, s *subject, ready chan<- struct{}) {
	defer close(p.read)
	told := false
	for lines.Scan() {
		p.mu.Lock()
		if p.said = append(p.said, lines.Text()); len(p.said) > 8 {
			p.said = p.said[1:]
		}
		p.mu.Unlock()
		if told {
			continue
		}
		find(s.ops, lines.Text(), &p.ops)
		find(s.ready, lines.Text(), &p.address)
		if p.address != "" && (s.ops == nil || p.ops != "") {
			told = true
			close(ready)
		}
	}
}

// awaitListener waits for one that does not say when it listens.
func (p *process) awaitListener(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("does not listen: %w", err)
		}
	}
}

func find(what *regexp.Regexp, line string, to *string) {
	if what == nil {
		return
	}
	if found := what.FindStringSubmatch(line); found != nil {
		*to = found[1]
	}
}

func (p *process) tail() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.said, " | ")
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// close asks the server to end, and makes it.
func (p *process) close() error {
	if p.cmd.Process.Signal(syscall.SIGTERM) != nil {
		kernel.Kill(p.cmd)
	}
	overdue := time.AfterFunc(stopTimeout, func() { kernel.Kill(p.cmd) })
	<-p.read
	err := p.cmd.Wait()
	if !overdue.Stop() {
		return fmt.Errorf("did not end within %v", stopTimeout)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil // how it ends is tested elsewhere
	}
	return err
}
