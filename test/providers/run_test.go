package providers

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mcp-login/test/binary"
)

func TestMain(m *testing.M) {
	binary.Main(m, map[string]binary.Role{"follow": func(args []string) int { return follow(args[0], args[1]) }})
}

// tabHeader tells the tabs of the browser apart.
const tabHeader = "X-Tab"

// follow is this test binary in the role of the browser: it goes where it is
// sent, and clicks on nothing.
func follow(ca, address string) int {
	pem, err := os.ReadFile(ca)
	if err != nil {
		return 1
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar, Timeout: 20 * time.Second, Transport: tab{&http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}}}
	resp, err := client.Get(address)
	if err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
		return 1
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return 0
}

type tab struct{ next http.RoundTripper }

// RoundTrip waits for a listener that is not there yet: mcp-remote opens the
// browser before it listens when a login has ended, which people are too slow to
// meet. Nothing but a connection tells that another program listens.
func (t tab) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(tabHeader, strconv.Itoa(os.Getpid()))
	r.Header.Set("User-Agent", "Mozilla/5.0")
	for try := 0; ; try++ {
		resp, err := t.next.RoundTrip(r)
		if !errors.Is(err, syscall.ECONNREFUSED) || try == 100 {
			return resp, err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
}

// openerDir holds an xdg-open that is the browser above, for programs that know
// no other way.
func openerDir(t *testing.T, self, ca string) string {
	t.Helper()
	dir := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' follow '%s' \"$1\"\n", self, ca)
	if err := os.WriteFile(filepath.Join(dir, "xdg-open"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// outcome is what came of a run.
type outcome struct {
	code           int // of the last answer's error
	exit           int
	hangs          bool
	message, hint  string
	text           string // of the last tools/call
	stdout, stderr string
}

// patience is how long a program may do nothing at all before it is said to hang.
const patience = 10 * time.Second

// command prepares a program in the home.
func (h *home) command(ctx context.Context, argv []string, s step) (*exec.Cmd, *binary.Output) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = h.dir, append(append([]string{}, h.env...), s.env...), 2*time.Second
	errOut := &binary.Output{}
	cmd.Stderr = errOut
	return cmd, errOut
}

// run runs a verb to its end.
func (h *home) run(argv []string, s step) (o outcome) {
	ctx, cancel := context.WithTimeout(h.t.Context(), 20*time.Second)
	defer cancel()
	cmd, errOut := h.command(ctx, argv, s)
	out := &binary.Output{}
	cmd.Stdout = out
	if s.paste != "" {
		in, err := cmd.StdinPipe()
		if err != nil {
			h.t.Fatal(err)
		}
		visits := make(chan string, 16)
		h.w.mu.Lock()
		h.w.visited, h.w.visits = s.paste, visits
		h.w.mu.Unlock()
		go paste(ctx, in, s.paste, visits)
	}
	err := cmd.Run()
	o.hangs = ctx.Err() != nil
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		o.exit = ended.ExitCode()
	} else if err != nil {
		h.t.Fatal(err)
	}
	o.stdout, o.stderr = out.String(), errOut.String()
	if m := regexp.MustCompile(`(?s)hint: (.*)`).FindStringSubmatch(o.stderr); m != nil {
		o.hint = strings.Join(strings.Fields(m[1]), " ")
	}
	if m := regexp.MustCompile(`(?s)error: (.*?)(\n\S*hint: |$)`).FindStringSubmatch(o.stderr); m != nil {
		o.message = strings.Join(strings.Fields(m[1]), " ")
	}
	return o
}

// paste types the addresses that the browser ends at.
func paste(ctx context.Context, in io.WriteCloser, address string, visits <-chan string) {
	defer in.Close()
	for {
		select {
		case query := <-visits:
			fmt.Fprintln(in, address+"?"+query)
		case <-ctx.Done():
			return
		}
	}
}

// talk is a client with a bridge: initialize, a list, and the calls. It ends
// with the first error.
func (h *home) talk(argv []string, s step) (o outcome) {
	ctx, cancel := context.WithTimeout(h.t.Context(), 60*time.Second)
	defer cancel()
	cmd, errOut := h.command(ctx, argv, s)
	in, err := cmd.StdinPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	answers := make(chan reply, 64)
	go readReplies(out, answers)
	o = h.converse(in, answers, s, errOut)
	_ = in.Close()
	kill := time.AfterFunc(3*time.Second, cancel)
	for range answers { // until its end
	}
	if err := cmd.Wait(); err != nil {
		var ended *exec.ExitError
		if errors.As(err, &ended) {
			o.exit = ended.ExitCode()
		}
	}
	kill.Stop()
	o.stderr = errOut.String()
	return o
}

// reply is an answer, or a message of the server.
type reply struct {
	ID     any `json:"id"`
	Result struct {
		Content []struct {
			Text string `json:"text"`
		} `json:"content"`
		Tools []struct {
			Name string `json:"name"`
		} `json:"tools"`
	} `json:"result"`
	Error *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Data    struct {
			Hint string `json:"hint"`
		} `json:"data"`
	} `json:"error"`
}

func readReplies(out io.Reader, answers chan<- reply) {
	defer close(answers)
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return
		}
		var m reply
		if json.Unmarshal(line, &m) != nil {
			m.ID = "not JSON: " + string(line)
		}
		answers <- m
	}
}

func (h *home) converse(in io.Writer, answers <-chan reply, s step, errOut *binary.Output) (o outcome) {
	texts := make([]string, max(s.calls, 1))
	messages := []string{
		`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"client","version":"1"}}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}`,
	}
	for i := range texts {
		texts[i] = fmt.Sprintf("%d", i+1)
		messages = append(messages, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"echo","arguments":{"text":"%s"}}}`, i+2, texts[i]))
	}
	early := map[any]reply{}
	for _, message := range messages {
		if s.flood {
			fmt.Fprintln(in, message)
		}
	}
	for i, message := range messages {
		if i == len(messages)-1 && s.between != nil {
			s.between(h.w)
		}
		if !s.flood {
			fmt.Fprintln(in, message)
		}
		m, how := h.await(float64(i), answers, early, errOut)
		switch {
		case how == "hangs":
			o.hangs = true
			return o
		case how == "ends":
			o.code, o.message = -1, "it ended"
			return o
		case m.Error != nil:
			o.code, o.message, o.hint = m.Error.Code, m.Error.Message, m.Error.Data.Hint
			if s.flood {
				continue
			}
			return o
		case i == 0:
			fmt.Fprintln(in, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
		case i > 1 && len(m.Result.Content) > 0:
			o.text = m.Result.Content[0].Text
		}
	}
	if o.code != 0 {
		return o
	}
	if want := "echo " + texts[len(texts)-1]; o.text != want {
		o.code, o.message = -1, fmt.Sprintf("the answer is %q, want %q", o.text, want)
	}
	return o
}

// await waits for the answer to one request, as long as anything happens.
// Answers to others go to early.
func (h *home) await(id float64, answers <-chan reply, early map[any]reply, errOut *binary.Output) (m reply, how string) {
	if m, there := early[id]; there {
		return m, ""
	}
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	said, since := "", time.Now()
	for {
		select {
		case m, ok := <-answers:
			if !ok {
				return m, "ends"
			}
			if m.ID == id {
				return m, ""
			}
			early[m.ID] = m
		case <-look.C:
			if now := errOut.String(); now != said {
				said, since = now, time.Now()
			}
			if time.Since(since) > patience && h.w.idle() > patience {
				return m, "hangs"
			}
		}
	}
}
