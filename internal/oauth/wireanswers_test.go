package oauth_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
)

// bomb is 256 MiB in a quarter of a megabyte.
func bomb(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	part := bytes.Repeat([]byte(" "), 1<<20)
	for range 256 {
		_, _ = z.Write(part)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Answers whose header or body is not what it says: compressed without an end,
// many interim answers, headers without a bound. Each ends by itself, in an error of
// one short line, and nobody is asked.
func TestHostileAnswersOnTheWire(t *testing.T) {
	compressed := bomb(t)
	for name, answer := range map[string]func(c net.Conn){
		"compressed":     func(c net.Conn) { head(c, "Content-Encoding: gzip", len(compressed)); _, _ = c.Write(compressed) },
		"not compressed": func(c net.Conn) { head(c, "Content-Encoding: gzip", 2); _, _ = io.WriteString(c, "{}") },
		"compressed twice": func(c net.Conn) {
			head(c, "Content-Encoding: gzip\r\nContent-Encoding: gzip", len(compressed))
			_, _ = c.Write(compressed)
		},
		"interim answers": func(c net.Conn) {
			for range 100_000 {
				if _, err := io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"); err != nil {
					return
				}
			}
		},
		"endless headers": func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for i := range 100_000 {
				if _, err := fmt.Fprintf(c, "X-%d: %s\r\n", i, strings.Repeat("x", 100)); err != nil {
					return
				}
			}
		},
		"an endless status": func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 "+strings.Repeat("x", 10<<20)) },
		"another protocol":  func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-x\r\n\x1b]52;c;x\x07\r\n") },
		"switched": func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: evil\r\nConnection: Upgrade\r\n\r\n{}")
		},
		"a length that is none": func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}") },
		"two lengths": func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}")
		},
		"cut chunks": func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}")
		},
		"huge chunks": func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}")
		},
		"more after":    func(c net.Conn) { head(c, "X: y", 2); _, _ = io.WriteString(c, "{}HTTP/1.1 200 OK\r\n\r\n") },
		"nothing":       func(net.Conn) {},
		"an array":      func(c net.Conn) { head(c, "X: y", 2); _, _ = io.WriteString(c, "[]") },
		"deeply nested": func(c net.Conn) { head(c, "X: y", 200_000); _, _ = io.WriteString(c, strings.Repeat(`[`, 200_000)) },
		"a BOM alone":   func(c net.Conn) { head(c, "X: y", 3); _, _ = io.WriteString(c, "\xef\xbb\xbf") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				c, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					return
				}
				answer(c)
				_ = c.Close()
			}))
			defer provider.Close()
			mcp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/.well-known/oauth-protected-resource") {
					says(http.StatusOK, `{"resource":"http://`+r.Host+`/mcp","authorization_servers":["`+provider.URL+`"]}`)(w, r)
					return
				}
				w.WriteHeader(http.StatusUnauthorized)
			}))
			defer mcp.Close()
			server, _ := url.Parse(mcp.URL + "/mcp")
			c := oauth.New(oauth.Config{
				Server: server, Key: oauth.Key{Server: server.String()}, Store: (&lab{t: t}).store(""), HTTP: discovery.NewGuard(server, nil, nil).HTTPClient(), LoginTimeout: time.Minute,
				Listen: func(context.Context, string, string, int) (oauth.Redirect, error) {
					t.Error("somebody is asked")
					return nil, io.EOF
				},
				ShowPrompt: func(context.Context, oauth.Prompt) { t.Error("somebody is asked") },
			})
			defer c.Close()
			resp, err := (&http.Client{Transport: c.Transport(http.DefaultTransport)}).Get(server.String())
			if err == nil {
				_ = resp.Body.Close()
				t.Fatal("it went on")
			}
			if text := err.Error(); len(text) > 2000 || strings.ContainsAny(text, "\n\r\x1b\x07") {
				t.Errorf("%.300q", text)
			}
		})
	}
}

func head(c net.Conn, header string, length int) {
	_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\n%s\r\nContent-Length: %d\r\n\r\n", header, length)
}
