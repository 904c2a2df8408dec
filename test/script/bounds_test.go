//go:build unix

package script

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mcp-login/bearer"
	"mcp-login/internal/devidp"
	"mcp-login/internal/server"
	"mcp-login/test/binary"
)

// endlessBodies are bodies without an end: as fast as they are read, and one byte
// a second.
var endlessBodies = map[string]func(w http.ResponseWriter, r *http.Request){
	"endless": func(w http.ResponseWriter, r *http.Request) {
		for chunk := make([]byte, 32<<10); r.Context().Err() == nil; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	},
	"dribbling": func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte("x"))
			w.(http.Flusher).Flush()
			select {
			case <-time.After(time.Second):
			case <-r.Context().Done():
			}
		}
	},
}

// A 401 or a 403 whose body never ends does not hold up the login that it asks
// for, nor the call behind it.
func TestEndlessRefusals(t *testing.T) {
	for kind, body := range endlessBodies {
		for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
			t.Run(fmt.Sprint(kind, " ", status), func(t *testing.T) {
				t.Parallel()
				address, refused := refusingServer(t, status, body)
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				cmd := exec.CommandContext(ctx, binary.Build(t, "mcp-login"), "call", "--json", address, "whoami")
				cmd.Env = append(os.Environ(), "MCP_LOGIN_DIR="+filepath.Join(t.TempDir(), "state"), "MCP_LOGIN_STORE=file", "NO_PROXY=127.0.0.1", "MCP_LOGIN_BROWSER="+binary.Self(t)+" approve alice")
				out, err := cmd.CombinedOutput()
				if err != nil || !strings.Contains(string(out), "alice") || refused.Load() == 0 {
					t.Errorf("%v, refused %d times, the time was over: %v\n%s", err, refused.Load(), ctx.Err() != nil, out)
				}
			})
		}
	}
}

// refusingServer is a whoami server whose refusals without a token, or whose first
// one with a token, have the status and the body.
func refusingServer(t *testing.T, status int, body func(http.ResponseWriter, *http.Request)) (address string, refused *atomic.Int64) {
	t.Helper()
	srv, refused := httptest.NewUnstartedServer(nil), new(atomic.Int64)
	resource := &url.URL{Scheme: "http", Host: srv.Listener.Addr().String(), Path: "/mcp"}
	idp, err := devidp.Start(t.Context(), "127.0.0.1:0", devidp.Config{Registration: true, TokenClaims: true, Resources: []devidp.Resource{{Indicator: resource.String(), Scopes: []string{"more"}}}})
	if err != nil {
		t.Fatal(err)
	}
	whoami, err := server.New(server.Config{Config: bearer.Config{Resource: resource, Issuer: idp.Issuer()}})
	if err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signed := r.Header.Get("Authorization") != ""
		if r.URL.Path != "/mcp" || signed != (status == http.StatusForbidden) || signed && !refused.CompareAndSwap(0, 1) {
			whoami.ServeHTTP(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="http://`+resource.Host+`/.well-known/oauth-protected-resource/mcp"`)
		if signed {
			w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="more"`)
		} else {
			refused.Add(1)
		}
		w.WriteHeader(status)
		body(w, r)
	})
	srv.Start()
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
		_ = whoami.Close(context.Background())
		_ = idp.Close()
	})
	return resource.String(), refused
}

// tooMuch writes a text of a message that is larger than the limit.
func tooMuch(w io.Writer, head string) {
	_, _ = io.WriteString(w, head)
	chunk := bytes.Repeat([]byte{'x'}, 1<<20)
	for range 300 {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
	_, _ = io.WriteString(w, `"}}`)
}

// Without a flag a message of 300 MiB is answered with error 1006 under the id of
// its request, in every direction, and the memory stays bounded.
func TestDefaultMaxMessage(t *testing.T) {
	streamable := answers(func(w http.ResponseWriter, _ *http.Request, body string) {
		head := `{"jsonrpc":"2.0","id":2,"result":{"x":"`
		switch {
		case strings.Contains(body, `"events"`):
			w.Header().Set("Content-Type", "text/event-stream")
			tooMuch(w, "data: "+head)
			_, _ = io.WriteString(w, "\n\n")
		case strings.Contains(body, `"body"`):
			w.Header().Set("Content-Type", "application/json")
			tooMuch(w, head)
		}
	})
	var stream chan string
	legacy := func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			body, _ := io.ReadAll(r.Body)
			w.WriteHeader(http.StatusAccepted)
			stream <- string(body)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "event: endpoint\ndata: /post\n\n")
		for w.(http.Flusher).Flush(); ; w.(http.Flusher).Flush() {
			select {
			case body := <-stream:
				switch {
				case strings.Contains(body, `"initialize"`):
					_, _ = io.WriteString(w, `data: {"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2024-11-05","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}`+"\n\n")
				case strings.Contains(body, `"id":2`):
					tooMuch(w, `data: {"jsonrpc":"2.0","id":2,"result":{"x":"`)
					_, _ = io.WriteString(w, "\n\n")
				}
			case <-r.Context().Done():
				return
			}
		}
	}
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		args    []string
		request string
	}{
		"body, passed on":   {streamable, nil, `"tools/call","params":{"name":"body"}}`},
		"body, collected":   {streamable, nil, `"tools/list","params":{"cursor":"body"}}`},
		"events, passed on": {streamable, nil, `"tools/call","params":{"name":"events"}}`},
		"events, collected": {streamable, nil, `"tools/list","params":{"cursor":"events"}}`},
		"HTTP+SSE":          {legacy, []string{"--transport", "sse-only"}, `"tools/call","params":{"name":"x"}}`},
		"from the client":   {streamable, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			stream = make(chan string, 10)
			srv := httptest.NewServer(tc.handler)
			defer srv.Close()
			defer srv.CloseClientConnections()
			b := startBridge(t, append(tc.args, srv.URL+"/mcp")...)
			b.initialize()
			b.line()
			if tc.request != "" {
				fmt.Fprintln(b.in, `{"jsonrpc":"2.0","id":2,"method":`+tc.request)
			} else {
				tooMuch(b.in, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"x":"`)
				fmt.Fprintln(b.in)
			}
			for answer := ""; !strings.Contains(answer, `"id":2,"error":{"code":1006`); {
				if answer = b.line(); len(answer) > 1<<20 { // what was passed on is a line that ends unfinished
					continue
				} else if strings.Contains(answer, `"result"`) {
					t.Fatalf("%.300s", answer)
				}
			}
			if peak := peakMemory(t, b.cmd.Process.Pid); peak > 350<<20 {
				t.Errorf("%d MiB of memory at the peak", peak>>20)
			} else {
				t.Logf("%d MiB at the peak", peak>>20)
			}
			_ = b.in.Close()
			b.ended()
		})
	}
}

// peakMemory is the largest resident size of a process, 0 where the system does
// not tell.
func peakMemory(t *testing.T, pid int) (bytes int64) {
	t.Helper()
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
		_, err := fmt.Sscan(rest, &bytes)
		if err != nil {
			t.Fatal(err)
		}
	}
	return bytes << 10
}

// Two hundred thousand events that are no JSON, and as many answers that nobody
// asked for, are some lines of the log with their number, and the answer passes.
func TestGarbageIsFewLinesOfLog(t *testing.T) {
	const events = 200_000
	for name, event := range map[string]string{
		"no JSON":   "data: x\n\n",
		"unasked":   `data: {"jsonrpc":"2.0","id":"x","result":{}}` + "\n\n",
		"no answer": `data: {"jsonrpc":"2.0","id":3}` + "\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			garbage := strings.Repeat(event, events)
			srv := httptest.NewServer(answers(func(w http.ResponseWriter, _ *http.Request, body string) {
				if strings.Contains(body, `"id":2`) {
					w.Header().Set("Content-Type", "text/event-stream")
					_, _ = io.WriteString(w, garbage+`data: {"jsonrpc":"2.0","id":2,"result":{"content":[]}}`+"\n\n")
				}
			}))
			defer srv.Close()
			b := startBridge(t, srv.URL+"/mcp")
			said := make(chan string, 1)
			go func() {
				text, _ := io.ReadAll(b.errOut)
				said <- string(text)
			}()
			b.initialize()
			b.line()
			fmt.Fprintln(b.in, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"x"}}`)
			if got := b.line(); !strings.Contains(got, `"id":2,"result":{"content":[]}`) {
				t.Error(got)
			}
			_ = b.in.Close()
			text := <-said
			b.ended()
			if len(text) > 8<<10 || !strings.Contains(text, "left_out=") {
				t.Errorf("%d bytes on stderr: %.2000s", len(text), text)
			}
		})
	}
}
