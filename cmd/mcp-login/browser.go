package main

import (
	"context"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"mcp-login/internal/store"
)

// noBrowserName as the browser command opens nothing.
const noBrowserName = "none"

// show returns the function that gives the authorization URL to the person. It
// always prints the URL, on a line of its own: the browser may be on another
// machine, and a helper's success says nothing about a window. Other processes
// and status find the URL beside the lock.
func (a *app) show(o options, s *session) func(context.Context, string) {
	return func(ctx context.Context, address string) {
		now := time.Now()
		p := store.Pending{URL: address, Started: now, Deadline: now.Add(o.timeout), PID: os.Getpid()}
		if err := s.store.SetPending(ctx, s.key, p); err != nil {
			s.log.Debug("the login is not shown to other processes", "reason", err)
		}
		a.note("sign in to %s in the browser. If none opens, visit:", s.server.Host)
		_, _ = a.err.Write([]byte(address + "\n"))
		go func() { // helpers may stay as long as the window is open
			if err := a.browse(o, address); err != nil {
				s.log.Warn("no browser was opened; use the address above", "reason", err)
			}
		}()
	}
}

// browse opens address, which oauth has built from checked parts, without a
// shell: with the person's program, else with the system's way.
func (a *app) browse(o options, address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("only http and https addresses are opened")
	}
	switch {
	case o.noBrowser || o.browser == noBrowserName:
		return nil
	case o.browser != "":
		return a.browseWith(o.browser, address)
	case !hasDisplay(runtime.GOOS, a.getenv):
		return errors.New("no graphical display here")
	}
	return a.open(address)
}

// browseWith runs a command whose words are separated by blanks; %s stands for
// the address, as in BROWSER, else it comes last.
func (a *app) browseWith(command, address string) error {
	words := strings.Fields(command)
	if len(words) == 0 {
		return errors.New("the browser command is blank")
	}
	placed := false
	for i, word := range words[1:] {
		if strings.Contains(word, "%s") {
			words[i+1], placed = strings.ReplaceAll(word, "%s", address), true
		}
	}
	if !placed {
		words = append(words, address)
	}
	cmd := exec.Command(words[0], words[1:]...) //nolint:gosec,noctx // the person's own choice, and it may outlive us
	cmd.Stdout, cmd.Stderr = a.err, a.err       // stdout belongs to MCP
	return cmd.Run()
}

// hasDisplay keeps the system's opener from starting a text browser in the
// terminal of a machine without a screen.
func hasDisplay(goos string, getenv func(string) string) bool {
	switch goos {
	case "windows", "darwin":
		return true
	}
	for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"} {
		if getenv(name) != "" {
			return true
		}
	}
	return false
}
