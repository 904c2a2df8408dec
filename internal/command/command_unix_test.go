//go:build unix

package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
)

// script returns the command that runs a script of sh.
func script(t *testing.T, text string) Command {
	t.Helper()
	c, err := Parse("--token-command", "sh -c '"+text+"' sh argument-with-a-s3cret")
	must(t, err)
	return c
}

func discardLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestOneLineIsTaken(t *testing.T) {
	for text, want := range map[string]string{
		`echo token`:                            "token",
		`printf token`:                          "token",
		`printf "token\r\n"`:                    "token",
		`printf "\357\273\277token\n"`:          "token",
		`printf "  token \n"`:                   "token",
		`cat; echo token`:                       "token", // nothing comes in
		`echo "$1"`:                             "argument-with-a-s3cret",
		`echo token; sleep 600 & exit 0`:        "token",
		`printf ""`:                             errNothing.Error(),
		`echo`:                                  errNothing.Error(),
		`echo " "`:                              errNothing.Error(),
		`echo one; echo two`:                    errSeveral.Error(),
		`printf "one\rtwo\n"`:                   errSeveral.Error(),
		`printf "one\n\n"`:                      errSeveral.Error(),
		`printf "one\033[2Jtwo"`:                errControlCharacter.Error(),
		`printf "one\000two"`:                   errControlCharacter.Error(),
		`printf "one\ttwo"`:                     errControlCharacter.Error(),
		`echo token; exit 7`:                    "exit status 7",
		`echo token; kill -9 $$`:                "signal: killed",
		`cat /dev/zero`:                         errTooMuch.Error(),
		`head -c 65537 /dev/zero | tr "\000" a`: errTooMuch.Error(),
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got, err := script(t, text).Run(t.Context(), os.Getenv("PATH"), discardLog())
			if err != nil && err.Error() != want || err == nil && got.Reveal() != want {
				t.Errorf("%.80q, %v; want %q", got.Reveal(), err, want)
			}
		})
	}
}

// Whatever a command has started ends with it, and all of it ends with the run. A
// child that keeps the output open is not waited for.
func TestNoChildOutlivesTheRun(t *testing.T) {
	for name, text := range map[string]string{
		"ends":     `sleep 600 & echo token`,
		"endless":  `sleep 600 & echo >&9; wait`,
		"stubborn": `trap "" TERM INT HUP; sleep 600 & echo >&9; while :; do sleep 1; done`,
		"too much": `sleep 600 & cat /dev/zero`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// All that is started has the writing end of a pipe, which ends with the last.
			path := filepath.Join(t.TempDir(), "alive")
			must(t, syscall.Mkfifo(path, 0o600))
			opened := make(chan *os.File, 1)
			go func() {
				alive, err := os.Open(path) // waits for a writer
				if err != nil {
					t.Error(err)
				}
				opened <- alive
			}()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			ended := make(chan error, 1)
			go func() {
				_, err := script(t, "exec 9>"+path+"; "+text).Run(ctx, os.Getenv("PATH"), discardLog())
				ended <- err
			}()
			alive := <-opened
			defer alive.Close()
			if name == "endless" || name == "stubborn" {
				if _, err := alive.Read(make([]byte, 1)); err != nil {
					t.Error(err)
				}
				stop()
			}
			if err := <-ended; (name == "ends") != (err == nil) {
				t.Error(err)
			}
			_ = alive.SetReadDeadline(time.Now().Add(10 * time.Second)) // where it can have one
			if _, err := io.Copy(io.Discard, alive); err != nil {
				t.Error("its child lives on:", err)
			}
		})
	}
}

// What a command says on its standard error is one line of the log, without what it
// printed; what it printed and its arguments are in no error.
func TestStderrIsLoggedWithoutSecrets(t *testing.T) {
	for name, text := range map[string]string{
		"fails":     `printf "sorry\n\033]0;evil\007mcp-login: hint: run this\n" >&2; echo t0ken; exit 1`,
		"traces":    `set -x; echo t0ken; exit 1`,
		"floods":    `echo t0ken; i=0; while [ $i -lt 20000 ]; do echo t0ken >&2; i=$((i+1)); done; exit 1`,
		"two lines": `echo t0ken; echo t0ken; exit 1`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			v := &Value{header: Header{Command: script(t, text)}}
			_, err := v.header.Command.Run(t.Context(), os.Getenv("PATH"), slog.New(slog.NewTextHandler(&log, nil)))
			err = v.failure(err)
			all := err.Error() + log.String() + fmt.Sprintf("%+v %#v", err, err)
			for _, secret := range []string{"t0ken", "s3cret", "\x1b", "\a"} {
				if strings.Contains(all, secret) {
					t.Errorf("%q in: %s", secret, all)
				}
			}
			if lines := strings.Count(log.String(), "\n"); lines > 1 || name != "two lines" && lines == 0 || len(log.String()) > 1000 {
				t.Errorf("%d lines: %s", lines, log.String())
			}
			var own *grant.Error
			if !errors.As(err, &own) || own.UserHint() == "" || !strings.Contains(err.Error(), "--token-command (sh)") {
				t.Error(err)
			}
		})
	}
}

// A program without a folder is one of PATH, and never one of the current folder.
func TestProgramsAreFoundInPathOnly(t *testing.T) {
	here, there := t.TempDir(), t.TempDir()
	write := func(dir string) {
		must(t, os.WriteFile(filepath.Join(dir, "prints"), []byte("#!/bin/sh\necho "+filepath.Base(dir)+"\n"), 0o700))
	}
	write(here)
	t.Chdir(here)
	list := string(os.PathListSeparator)
	run := func(line string) (string, error) {
		c, err := Parse("--token-command", line)
		must(t, err)
		got, err := c.Run(t.Context(), os.Getenv("PATH"), discardLog())
		return got.Reveal(), err
	}
	for _, path := range []string{"", ".", list, "." + list + "/nowhere", there} {
		t.Setenv("PATH", path)
		if got, err := run("prints"); err == nil || !strings.Contains(hint.Of(err), "whole path") {
			t.Errorf("PATH=%q: %q, %v", path, got, err)
		}
	}
	write(there)
	t.Setenv("PATH", "."+list+list+there)
	if got, err := run("prints"); err != nil || got != filepath.Base(there) {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := run("./prints"); err != nil || got != filepath.Base(here) { // said so
		t.Errorf("%q, %v", got, err)
	}
}

// fileCommand is a header whose command prints the content of a file and counts its runs in
// another.
type fileCommand struct{ dir string }

func (p fileCommand) set(t *testing.T, text string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(p.dir, "value"), []byte(text+"\n"), 0o600))
}

func (p fileCommand) runs() int {
	b, _ := os.ReadFile(filepath.Join(p.dir, "runs"))
	return len(b)
}

func (p fileCommand) header(t *testing.T, name, scheme string) Header {
	t.Helper()
	c, err := Parse("--header-command "+name, fmt.Sprintf(`sh -c 'printf . >>"$0/runs"; cat "$0/value"' '%s'`, p.dir))
	must(t, err)
	return Header{Name: name, Scheme: scheme, Command: c, Check: func(grant.Secret) error { return nil }}
}

// keyServer is a server that accepts one value of a header.
type keyServer struct {
	*httptest.Server
	accepts  atomic.Value
	requests atomic.Int32
	seen     atomic.Value // of the last one
}

func newKeyServer(t *testing.T, name string, challenge ...string) (*keyServer, *url.URL) {
	t.Helper()
	d := &keyServer{}
	d.accepts.Store("")
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.requests.Add(1)
		d.seen.Store(r.Header)
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get(name) != d.accepts.Load() {
			for _, c := range challenge {
				w.Header().Add("WWW-Authenticate", c)
			}
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write(body)
	}))
	t.Cleanup(d.Close)
	at, _ := url.Parse(d.URL + "/mcp")
	return d, at
}

func post(ctx context.Context, through http.RoundTripper, to string) (string, error) {
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader("hello"))
	resp, err := through.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return fmt.Sprintf("%d %s", resp.StatusCode, body), err
}

func TestRequestsCarryWhatIsPrinted(t *testing.T) {
	p := fileCommand{t.TempDir()}
	p.set(t, "one")
	d, at := newKeyServer(t, "Authorization", `Bearer error="invalid_token", error_description="no such token"`)
	d.accepts.Store("Bearer one")
	s := NewSet([]Header{p.header(t, "Authorization", "Bearer ")}, os.Getenv("PATH"), discardLog())
	defer s.Close()
	through := s.Transport(at, http.DefaultTransport)
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if got, err := post(t.Context(), through, at.String()); got != "200 hello" {
				t.Error(got, err)
			}
		})
	}
	all.Wait()
	if p.runs() != 1 {
		t.Errorf("%d runs for 100 requests", p.runs())
	}
	// A header that a request has already stays.
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, at.String(), http.NoBody)
	req.Header.Set("Authorization", "Bearer one")
	d.accepts.Store("Bearer one")
	other := NewSet([]Header{p.header(t, "Authorization", "Basic ")}, os.Getenv("PATH"), discardLog())
	defer other.Close()
	if resp, err := other.Transport(at, http.DefaultTransport).RoundTrip(req); err != nil || resp.StatusCode != http.StatusOK {
		t.Error(resp, err)
	} else {
		_ = resp.Body.Close()
	}
	ran := p.runs() - 1
	// Another value after a 401, and the request once more.
	p.set(t, "two")
	d.accepts.Store("Bearer two")
	if got, err := post(t.Context(), through, at.String()); got != "200 hello" || p.runs()-ran != 2 {
		t.Error(got, err, p.runs())
	}
	// A second 401 is the answer, with the same value and with another.
	before := d.requests.Load()
	for n, said := range []string{"two", "three"} {
		d.accepts.Store("Bearer nine")
		p.set(t, said)
		_, err := post(t.Context(), through, at.String())
		var own *grant.Error
		if !errors.Is(err, oauth.ErrLoginRequired) || !errors.As(err, &own) || own.UserHint() == "" || !strings.Contains(err.Error(), "--header-command Authorization (sh)") ||
			!strings.Contains(err.Error(), "no such token") || strings.Contains(err.Error(), p.dir) || strings.Contains(err.Error(), said) {
			t.Errorf("%d: %v", n, err)
		}
	}
	if sent := d.requests.Load() - before; sent > 4 || p.runs()-ran > 4 {
		t.Errorf("%d requests and %d runs", sent, p.runs())
	}
}

// A request to another origin carries no value, and runs no command.
func TestOtherOriginsGetNothing(t *testing.T) {
	p := fileCommand{t.TempDir()}
	p.set(t, "one")
	d, _ := newKeyServer(t, "X-Key")
	_, at := newKeyServer(t, "X-Key")
	s := NewSet([]Header{p.header(t, "Authorization", "Bearer "), p.header(t, "X-Key", "")}, os.Getenv("PATH"), discardLog())
	defer s.Close()
	if got, err := post(t.Context(), s.Transport(at, http.DefaultTransport), d.URL+"/mcp"); got != "200 hello" || p.runs() != 0 {
		t.Error(got, err, p.runs())
	}
	if seen := d.seen.Load().(http.Header); seen.Get("X-Key")+seen.Get("Authorization") != "" {
		t.Error(seen)
	}
}

// A 401 that asks for a sign-in says nothing about a key, and one that may be about the
// session is returned.
func TestRefusalsThatAreNotAboutTheValue(t *testing.T) {
	p := fileCommand{t.TempDir()}
	p.set(t, "one")
	d, at := newKeyServer(t, "X-Other", `Bearer resource_metadata="https://example.com/m"`)
	d.accepts.Store("never")
	s := NewSet([]Header{p.header(t, "X-Key", "")}, os.Getenv("PATH"), discardLog())
	defer s.Close()
	if got, err := post(t.Context(), s.Transport(at, http.DefaultTransport), at.String()); got != "401 " || p.runs() != 1 {
		t.Error(got, err, p.runs())
	}
	q := fileCommand{t.TempDir()}
	q.set(t, "one")
	d, at = newKeyServer(t, "X-Other")
	d.accepts.Store("never")
	s = NewSet([]Header{q.header(t, "Authorization", "")}, os.Getenv("PATH"), discardLog())
	defer s.Close()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, at.String(), strings.NewReader("hello"))
	req.Header.Set("Mcp-Session-Id", "s")
	resp, err := s.Transport(at, http.DefaultTransport).RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || q.runs() != 2 || d.requests.Load() != 2 {
		t.Fatal(resp, err, q.runs())
	}
	_ = resp.Body.Close()
}
