package cli

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/pflag"

	"mcp-login/internal/bridge"
	"mcp-login/internal/bridge/upstream"
	"mcp-login/internal/reach"
)

// wireOptions are the flags about the connection to the server and what is let
// through it.
type wireOptions struct {
	ignoreTools, allowTools []string
	connectTimeout          time.Duration
	headersTimeout          time.Duration
	bodyTimeout             time.Duration
	pingInterval            time.Duration
	maxMessage              byteSize
	ipv4, noCookies         bool
	trust                   trustOptions
}

func (w *wireOptions) register(f *pflag.FlagSet, or func(name, otherwise string) string, getenv func(string) string) {
	f.StringArrayVar(&w.ignoreTools, "ignore-tool", nil, "tools to hide from the client, * stands for anything; repeatable")
	f.StringArrayVar(&w.allowTools, "allow-tool", nil, "the only tools to show to the client, * stands for anything; repeatable")
	f.DurationVar(&w.connectTimeout, "connect-timeout", 30*time.Second, "how long to wait for a connection to the server")
	f.DurationVar(&w.headersTimeout, "headers-timeout", 0, "how long the server may take to begin an answer; 0 as long as it needs")
	f.DurationVar(&w.bodyTimeout, "body-timeout", 0, "how long the server may be silent within an answer; 0 as long as it likes")
	f.DurationVar(&w.pingInterval, "ping-interval", 0, "how often to send the server a ping, so that nothing on the way hangs up; 0 never")
	w.maxMessage = defaultMaxMessage
	f.Var(&w.maxMessage, "max-message", "largest message to relay, as 64MiB; a larger one is answered with an error; 0 no limit")
	f.BoolVar(&w.ipv4, "ipv4", false, "connect to the server by IPv4 only")
	f.BoolVar(&w.noCookies, "no-cookies", false, "do not keep the server's cookies, which load balancers use")
	w.trust.register(f, or, getenv)
}

// defaultMaxMessage is half of what a peer in Node.js can hold in one string, and
// more than twice the largest message that anybody is known to send (decision 10).
const defaultMaxMessage = 256 << 20

func (w *wireOptions) check() error {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"connect-timeout", w.connectTimeout}, {"headers-timeout", w.headersTimeout}, {"body-timeout", w.bodyTimeout}, {"ping-interval", w.pingInterval}} {
		if d.value < 0 {
			return usageError{fmt.Errorf("--%s must not be negative", d.name)}
		}
	}
	return w.trust.load()
}

// serverPatience is how long a server that takes no connections is waited for
// on behalf of a client; a person at a terminal hears of it at once.
const serverPatience = 10 * time.Second

func (w *wireOptions) patience(verb bool) time.Duration {
	if verb {
		return 0
	}
	return serverPatience
}

// filter is which tools the client sees.
func (w *wireOptions) filter() bridge.Filter {
	return bridge.Filter{Allow: w.allowTools, Ignore: w.ignoreTools}
}

// transport carries the MCP messages. There is no limit on a whole exchange: a
// tool may run for an hour and a stream for days. Limits are on reaching the
// server at all, and what the person wants. userAgent is what a proxy is told.
func (w *wireOptions) transport(userAgent string) http.RoundTripper {
	return newWakeful(&http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		ProxyConnectHeader:     http.Header{"User-Agent": {userAgent}},
		OnProxyConnectResponse: reach.Tunnel,
		DialContext:            w.dialer(),
		ForceAttemptHTTP2:      true,
		TLSClientConfig:        w.trust.server(),
		TLSHandshakeTimeout:    15 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        90 * time.Second,
	})
}

// client is the HTTP client of the relay.
func (w *wireOptions) client(signed http.RoundTripper) *http.Client {
	c := &http.Client{Transport: signed, CheckRedirect: upstream.CheckRedirect}
	if w.noCookies {
		c.Jar = emptyJar{}
	}
	return c
}

// emptyJar keeps no cookies.
type emptyJar struct{}

func (emptyJar) SetCookies(*url.URL, []*http.Cookie) {}
func (emptyJar) Cookies(*url.URL) []*http.Cookie     { return nil }
