package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	columns = 80
	rows    = 60
	limit   = 3 * time.Minute // for the build and the whole run
)

// demo is what README tells people to run first.
const demo = "go run ./examples/whoami -auto"

func main() {
	out := flag.String("out", filepath.Join("docs", "images", "demo.svg"), "`file` to write")
	flag.Parse()
	if err := run(*out, flag.Args()); err != nil {
		fmt.Fprintf(os.Stderr, "cast: error: %v\n", err)
		os.Exit(1)
	}
}

func run(file string, args []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	shown := strings.Join(args, " ")
	if len(args) == 0 {
		folder, err := os.MkdirTemp("", "mcp-login-cast-")
		if err != nil {
			return fmt.Errorf("make a folder: %w", err)
		}
		defer func() { _ = os.RemoveAll(folder) }()
		program, err := build(ctx, folder)
		if err != nil {
			return err
		}
		args, shown = []string{program, "-auto"}, demo
	}
	lines, err := record(exec.CommandContext(ctx, args[0], args[1:]...))
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, draw(shown, lines), 0o644); err != nil {
		return fmt.Errorf("write the picture: %w", err)
	}
	return nil
}

// build builds the demo; its path is not part of the recording.
func build(ctx context.Context, folder string) (string, error) {
	program := filepath.Join(folder, "whoami")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "mcp-login/examples/whoami").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the demo: %w\n%s", err, out)
	}
	return program, nil
}

// record runs a program in a window and returns the lines that were on it at the end.
func record(cmd *exec.Cmd) ([]line, error) {
	window, err := openWindow(cmd)
	if err != nil {
		return nil, fmt.Errorf("open a pseudo-terminal: %w", err)
	}
	written, err := window.output(cmd)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	s := newScreen()
	s.write(string(written))
	if exit != nil {
		return nil, fmt.Errorf("%s ended with %d:\n%s", cmd.Path, exit.ExitCode(), text(s.lines))
	}
	return s.lines, nil
}
