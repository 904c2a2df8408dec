package script

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"mcp-login/test/binary"
)

// inWindow runs a command on a terminal of so many columns, 0 for one that does not tell, and
// returns the rows that it has printed. What was erased again is left out.
func (h *house) inWindow(columns int, typed string, args ...string) []string {
	h.t.Helper()
	control, end := binary.PseudoTerminal(h.t)
	if err := unix.IoctlSetWinsize(int(end.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: uint16(columns)}); err != nil {
		h.t.Fatal(err)
	}
	cmd := h.command(args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = end, end, end
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	_ = end.Close()
	_, _ = io.WriteString(control, typed)
	defer time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() }).Stop()
	var seen bytes.Buffer
	_, _ = io.Copy(&seen, control) // ends with the program
	_ = cmd.Wait()
	text := regexp.MustCompile(`[^\n]*\r\x1b\[K`).ReplaceAllString(strings.ReplaceAll(seen.String(), "\r\n", "\n"), "")
	text = regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(text, "")
	return strings.Split(strings.TrimRight(text, "\n"), "\n")
}

// Whatever the window, no row is wider, unless it is one address or one command alone, and no
// word is broken: each stands in what a window without an edge shows.
func TestNothingIsWiderThanTheWindow(t *testing.T) {
	h := newHouse(t, nil)
	with := func(variables ...string) []string { return slices.Concat(h.env, variables) }
	alice, remote := "MCP_LOGIN_BROWSER="+binary.Self(t)+" approve alice", "SSH_CONNECTION=192.0.2.1 5 192.0.2.2 22"
	other := []string{"--header", "X-Organization: a-name-of-some-length", "--scope", "openid profile"}
	verb := func(name string, words ...string) []string {
		return slices.Concat([]string{name}, words, []string{h.url})
	}
	for _, c := range []struct {
		name  string
		env   []string
		args  []string // with COLUMNS for a profile of its own in each window
		typed string
		says  string // what one row has, as a regular expression
	}{
		{"paste", with(remote), verb("login", "--no-browser", "--timeout", "1s", "--profile", "paste COLUMNS"), "", `^http://\S+/auth\?\S+$`},
		{"device", with(remote, "MCP_LOGIN_BROWSER=", "DISPLAY=", "WAYLAND_DISPLAY="), verb("login", "--timeout", "1s"), "", `^[A-Z0-9]+-[A-Z0-9]+$`},
		{"browser", with(alice), verb("login", "--profile", "COLUMNS"), "", `^http://127\.0\.0\.1:\d+/callback/\S+$`},
		{"a login", with(alice), verb("login", "--auth-param", "ui_locales=de"), "", `signed in to`},
		{"another account", with(alice), verb("login", other...), "", `signed in to`},
		{"status", nil, []string{"status"}, "", `openid profile`},
		{"doctor", nil, verb("doctor", other...), "", `^PASS  session`},
		{"tools", nil, verb("tools", other...), "", `whoami`},
		{"call", nil, append(verb("call", other...), "whoami"), "", `alice`},
		{"a wrong path", nil, []string{"tools", "--profile", "another one", h.url + "/wrong/path"}, "", h.url + `$`},
		{"an unknown tool", nil, append(verb("call", other...), "whomai"), "", `hint: `},
		{"several accounts", nil, verb("tools"), "\n", `mcp-login tools --scope 'openid profile' .*` + h.url + `$`},
		{"a mistake", nil, verb("login", "--timeout", "5"), "", `hint: `},
		{"no word", nil, nil, "", `^  mcp-login doctor URL  +find out`},
		{"help", nil, []string{"login", "--help"}, "", `^Common flags:$`},
		{"all flags", nil, []string{"help", "flags"}, "", `^  --ping-interval DURATION`},
		{"clients", nil, []string{"config", "--list"}, "", `no client found`},
		{"logout", nil, verb("logout", "--profile", "COLUMNS"), "", `^signed out of`},
	} {
		t.Run(c.name, func(t *testing.T) {
			own := *h
			own.t = t
			if c.env != nil {
				own.env = c.env
			}
			words := map[string]bool{}
			for _, columns := range []int{0, 60, 80, 120} {
				args := slices.Clone(c.args)
				for i, word := range args {
					args[i] = strings.ReplaceAll(word, "COLUMNS", strconv.Itoa(columns))
				}
				rows := own.inWindow(columns, c.typed, args...)
				t.Logf("%d columns:\n%s", columns, strings.Join(rows, "\n"))
				if !slices.ContainsFunc(rows, regexp.MustCompile(c.says).MatchString) {
					t.Errorf("%d columns: no row has %s", columns, c.says)
				}
				for _, row := range rows {
					checkRow(t, row, columns, words)
				}
			}
		})
	}
}

// checkRow checks one row, and its ordinary words against those of the window without an edge,
// which is looked at first.
func checkRow(t *testing.T, row string, columns int, words map[string]bool) {
	t.Helper()
	alone := strings.TrimSpace(row)
	whole := !strings.Contains(alone, " ") || strings.HasPrefix(alone, "mcp-login ")
	if n := utf8.RuneCountInString(row); columns > 0 && n > columns && !whole {
		t.Errorf("%d columns: a row of %d: %q", columns, n, row)
	}
	for word := range strings.FieldsSeq(row) {
		switch ordinary := strings.Trim(word, "abcdefghijklmnopqrstuvwxyz-.,:;") == ""; {
		case columns == 0:
			words[strings.ToLower(word)] = true
		case ordinary && !words[word] && word != "already":
			t.Errorf("%d columns: %q is in no other window: %q", columns, word, row)
		}
	}
}
