package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
)

// Bounds for what a command says.
const (
	maxLine   = 1 << 20
	keptLines = 20
)

// process is one run of the command.
type process struct {
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	lines   chan string // of stdout
	readers sync.WaitGroup

	mu   sync.Mutex
	said []string // the last lines of stderr
}

// start runs the command with further arguments until ctx ends. hear gets each line of its
// stderr.
func (d *driver) start(ctx context.Context, hear func(line string), args ...string) (*process, error) {
	words := append(d.command[:len(d.command):len(d.command)], args...)
	p := &process{cmd: exec.CommandContext(ctx, words[0], words[1:]...), lines: make(chan string, 64)}
	p.cmd.Env = d.env
	endTogether(p.cmd)
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	// A child in a session of its own may hold the pipes for ever.
	context.AfterFunc(ctx, func() { _, _ = stdout.Close(), stderr.Close() })
	p.readers.Go(func() {
		defer close(p.lines)
		each(stdout, func(line string) {
			select {
			case p.lines <- line:
			case <-ctx.Done():
			}
		})
	})
	p.readers.Go(func() {
		each(stderr, func(line string) {
			p.keep(line)
			hear(line)
		})
	})
	return p, nil
}

// each calls f for each line of r, to its end.
func each(r io.Reader, f func(line string)) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		f(strings.TrimRight(lines.Text(), "\r"))
	}
}

func (p *process) keep(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.said = append(p.said, line); len(p.said) > keptLines {
		p.said = p.said[1:]
	}
}

// end closes stdin and waits.
func (p *process) end() (rest []string, err error) {
	_ = p.stdin.Close()
	return p.wait()
}

// wait waits for the end, and returns the lines of stdout that nobody has read. It fails
// if the command does.
func (p *process) wait() (rest []string, err error) {
	for line := range p.lines {
		rest = append(rest, line)
	}
	p.readers.Wait()
	if err := p.cmd.Wait(); err != nil {
		return rest, p.failed(err)
	}
	return rest, nil
}

// failed adds what the command has said last.
func (p *process) failed(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Errorf("%s: %w%s", strings.Join(p.cmd.Args, " "), err, quoted(p.said))
}

// quoted are lines of the command, below what is said of them.
func quoted(lines []string) string {
	var all strings.Builder
	for _, line := range lines {
		all.WriteString("\n  | " + line)
	}
	return all.String()
}
