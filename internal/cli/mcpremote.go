package cli

import (
	"crypto/md5" //nolint:gosec // not for secrecy: mcp-remote derives a port from it
	"encoding/hex"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
)

// mcpRemoteFlag is one word of mcp-remote's command line, or one variable, and
// how it is spelled here.
type mcpRemoteFlag struct {
	Theirs string // with a placeholder for its value, if it takes one
	Ours   string // empty where nothing is to be said
	Note   string

	// to appends the native spelling; nil leaves the word as it is.
	to func(t *mcpRemoteArgs, value string) error
}

func (f mcpRemoteFlag) name() string {
	name, _, _ := strings.Cut(f.Theirs, " ")
	return name
}

func (f mcpRemoteFlag) takesValue() bool { return strings.Contains(f.Theirs, " ") }

// mcpRemoteFlags are all flags of mcp-remote 0.15.1, in the order of its
// documentation, and one that public configurations still have.
var mcpRemoteFlags = []mcpRemoteFlag{
	{Theirs: "--header NAME:VALUE", Ours: "--header 'NAME: VALUE'", Note: "NAME=VALUE as well; ${VAR} is replaced in the value", to: (*mcpRemoteArgs).header},
	{Theirs: "--header-file FILE", Ours: "--header-file FILE", Note: "# begins a comment; a line that is no header is an error here", to: (*mcpRemoteArgs).headerFile},
	{Theirs: "--transport STRATEGY", Ours: "--transport auto|http|sse", Note: "http-first and sse-first are auto, http-only is http, sse-only is sse", to: (*mcpRemoteArgs).transport},
	{Theirs: "--protocol MODE", Note: "revisions are always found out, as with auto", to: (*mcpRemoteArgs).protocol},
	{Theirs: "--host HOST", Ours: "--callback-host HOST", Note: "loopback names only", to: same("--callback-host")},
	{Theirs: "--callback-path PATH", Ours: "--callback-path PATH"},
	{Theirs: "--auth-timeout SECONDS", Ours: "--timeout DURATION", Note: "ten minutes without it, instead of 30 seconds", to: seconds("--timeout", false)},
	{Theirs: "--auth-success-url URL", Ours: "--success-url URL", Note: "https, or http on this machine", to: (*mcpRemoteArgs).successURL},
	{Theirs: "--allow-http", Ours: "--allow-http"},
	{Theirs: "--debug", Ours: "--log-level debug", Note: "to stderr, not to a file", to: (*mcpRemoteArgs).debug},
	{Theirs: "--silent", Ours: "--log-level error", Note: "little is written without it", to: (*mcpRemoteArgs).silent},
	{Theirs: "--enable-proxy", Note: "HTTPS_PROXY, HTTP_PROXY and NO_PROXY are always honoured", to: nothing},
	{Theirs: "--ignore-tool PATTERN", Ours: "--ignore-tool PATTERN", Note: "repeatable"},
	{Theirs: "--connect-timeout SECONDS", Ours: "--connect-timeout DURATION", to: seconds("--connect-timeout", false)},
	{Theirs: "--headers-timeout SECONDS", Ours: "--headers-timeout DURATION", to: seconds("--headers-timeout", true)},
	{Theirs: "--body-timeout SECONDS", Ours: "--body-timeout DURATION", Note: "0, no limit, is what holds without it", to: seconds("--body-timeout", true)},
	{Theirs: "--keep-alive", Ours: "--ping-interval 30s", to: (*mcpRemoteArgs).keepAlive},
	{Theirs: "--ping-interval SECONDS", Ours: "--ping-interval DURATION", to: seconds("--ping-interval", false)},
	{Theirs: "--ipv4", Ours: "--ipv4"},
	{Theirs: "--disable-cookies", Ours: "--no-cookies", to: same("--no-cookies")},
	{Theirs: "--resource URI", Ours: "--resource URI", Note: "empty leaves it out", to: (*mcpRemoteArgs).resource},
	{Theirs: "--disable-resource-parameter", Ours: "--no-resource", to: (*mcpRemoteArgs).noResource},
	{Theirs: "--authorize-param NAME=VALUE", Ours: "--auth-param NAME=VALUE", Note: "repeatable", to: (*mcpRemoteArgs).authParam},
	{Theirs: "--static-oauth-client-metadata JSON|@FILE", Ours: "--client-metadata JSON|@FILE", Note: "--client-name, --client-uri and --scope say some of it shorter; what cannot have an effect is an error", to: (*mcpRemoteArgs).clientMetadata},
	{Theirs: "--static-oauth-client-info JSON|@FILE", Ours: "--client-id ID, and --client-secret-file FILE or MCP_LOGIN_CLIENT_SECRET", Note: "${VAR} is replaced", to: (*mcpRemoteArgs).clientInfo},
	{Theirs: "--client-metadata-url URL", Ours: "--client-metadata-url URL", to: (*mcpRemoteArgs).metadataURL},
	{Theirs: "--client-credentials", Ours: "--client-credentials"},
	{Theirs: "--token-endpoint URL", Ours: "--token-endpoint URL", to: (*mcpRemoteArgs).tokenEndpoint},
	{Theirs: "--device-code", Ours: "--device", to: same("--device")},
	{Theirs: "--use-id-token", Ours: "--id-token", to: same("--id-token")},
	{Theirs: "--cache-dir DIR", Note: "has no effect, which is said: logins are kept in the store, whose folder MCP_LOGIN_DIR names"},
	{Theirs: "--help", Ours: "--help"},
	{Theirs: "-h", Ours: "--help"},
	{Theirs: "--version", Ours: "mcp-login version", to: (*mcpRemoteArgs).version},
}

// mcpRemotePositionals and mcpRemoteVariables complete the list.
var mcpRemotePositionals = []mcpRemoteFlag{
	{Theirs: "URL", Ours: "URL", Note: "flags may stand in front of it"},
	{Theirs: "PORT", Ours: "--callback-port PORT --callback-host localhost --callback-path /oauth/callback", Note: "the redirect URI that mcp-remote has with a port; so also with a static client, with the port that mcp-remote derives"},
}

var mcpRemoteVariables = []mcpRemoteFlag{
	{Theirs: "MCP_REMOTE_CONFIG_DIR", Ours: "MCP_LOGIN_DIR", Note: "mcp-login import mcp-remote reads logins from the old place"},
	{Theirs: "HTTPS_PROXY, HTTP_PROXY, NO_PROXY", Ours: "the same", Note: "without --enable-proxy"},
	{Theirs: "NODE_EXTRA_CA_CERTS", Ours: "the same, or --ca-file FILE", Note: "seldom needed: the certificates of the system are trusted"},
	{Theirs: "NODE_TLS_REJECT_UNAUTHORIZED", Note: "certificates are always checked"},
	{Theirs: "BROWSER", Ours: "BROWSER", Note: "or MCP_LOGIN_BROWSER"},
	{Theirs: "${VAR} in headers and client information", Ours: "the same, or ${env:VAR}", Note: "one that is not set, or empty, is an error"},
}

// mcpRemoteArgs is a translation on its way. It keeps what mcp-remote makes a
// port of, when it is not told one.
type mcpRemoteArgs struct {
	getenv func(string) string
	out    []string

	url, resourceURI, documentURL, endpoint string
	headers, params                         map[string]string
	port, redirectURI                       string // redirectURI is our own flag
	theirs                                  bool   // a word that only mcp-remote has
	static, redirected                      bool
	debugging, quiet, pings, withoutRes     bool
	versionOnly                             bool
}

// translateMCPRemote turns a command line of mcp-remote 0.15.1 into one of
// mcp-login. Words that mean the same here, and words it does not know, stay as
// they are, so that it can be applied to every command line of the bridge. What
// mcp-remote ignores with a warning, a value it cannot use, is an error. Files
// named by @FILE and --header-file are read.
func translateMCPRemote(args []string, getenv func(string) string) ([]string, error) {
	t := &mcpRemoteArgs{getenv: getenv, headers: map[string]string{}, params: map[string]string{}, redirectURI: valueOf("--redirect-uri", args)}
	expectPort := false
	for i := 0; i < len(args); i++ {
		word := args[i]
		name, value, joined := strings.Cut(word, "=")
		f := slices.IndexFunc(mcpRemoteFlags, func(f mcpRemoteFlag) bool { return f.name() == name && (!joined || f.takesValue()) })
		switch {
		case slices.Contains(looksLikeServer, word) && i+1 < len(args):
			i++
			t.out = append(t.out, word+"="+args[i])
		case f < 0 && expectPort && isPort(word):
			t.port, t.theirs = word, true
		case f < 0 && t.url == "" && strings.Contains(word, "://") && !strings.HasPrefix(word, "-"):
			t.url, expectPort = word, true
			t.out = append(t.out, word)
			continue
		case f < 0 || mcpRemoteFlags[f].takesValue() && !joined && i+1 == len(args):
			t.out = append(t.out, word) // known here, or refused where flags are parsed
		default:
			if mcpRemoteFlags[f].takesValue() && !joined {
				i++
				value = args[i] // there is one, see the case above
			}
			if err := t.translate(mcpRemoteFlags[f], value); err != nil {
				return nil, err
			}
			if strings.HasPrefix(name, "--header") && !strings.HasPrefix(name, "--headers") {
				continue // mcp-remote takes these out before it looks for the port
			}
		}
		expectPort = false
	}
	t.finish()
	return t.out, nil
}

// looksLikeServer are flags of ours with values that look like the server.
var looksLikeServer = []string{"--issuer", "--accept-issuer", "--redirect-uri", "--client-uri", "--client-metadata", "--header-command", "--token-command"}

// valueOf is the value of a flag, "" for none.
func valueOf(flag string, args []string) (value string) {
	for i, word := range args {
		if joined, ok := strings.CutPrefix(word, flag+"="); ok {
			value = joined
		} else if word == flag && i+1 < len(args) {
			value = args[i+1]
		}
	}
	return value
}

func (t *mcpRemoteArgs) translate(f mcpRemoteFlag, value string) error {
	if f.name() != strings.Fields(f.Ours + " -")[0] {
		t.theirs = true
	}
	switch {
	case f.to != nil:
		if err := f.to(t, value); err != nil {
			return usageError{fmt.Errorf("%s: %w", f.name(), err)}
		}
	case f.takesValue():
		t.out = append(t.out, f.name()+"="+value)
	default:
		t.out = append(t.out, f.name())
	}
	return nil
}

// finish adds what depends on several words. It stands in front: behind, a flag
// that lacks its value would swallow it.
func (t *mcpRemoteArgs) finish() {
	if t.versionOnly {
		t.out = []string{"version"}
		return
	}
	var front []string
	add := func(flag, value string) {
		given := slices.ContainsFunc(t.out, func(word string) bool {
			name, _, _ := strings.Cut(word, "=")
			return name == flag
		})
		if !given {
			front = append(front, flag+"="+value)
		}
	}
	defer func() { t.out = append(front, t.out...) }()
	switch {
	case t.debugging:
		add("--log-level", "debug")
	case t.quiet:
		add("--log-level", "error")
	}
	if t.pings {
		add("--ping-interval", "30s")
	}
	if t.withoutRes {
		front = append(front, "--no-resource")
	} else if t.resourceURI != "" {
		front = append(front, "--resource="+t.resourceURI)
	}
	// A client that is known to the provider has the redirect URI of mcp-remote.
	if t.port == "" && t.theirs && !t.redirected && (t.static || t.documentURL != "") && t.url != "" {
		t.port = strconv.Itoa(t.derivedPort())
	}
	if t.port != "" {
		add("--callback-port", t.port)
		add("--callback-path", mcpRemotePath)
		if runtime.GOOS != "windows" { // where mcp-remote uses 127.0.0.1, as we do
			add("--callback-host", "localhost")
		}
	}
}

// mcpRemotePath is the path of mcp-remote's redirect URI.
const mcpRemotePath = "/oauth/callback"

// derivedPort is the port mcp-remote listens on when it is not told one.
func (t *mcpRemoteArgs) derivedPort() int {
	parts := []string{t.url}
	resource := t.resourceURI
	if t.withoutRes {
		resource = ""
	}
	for _, part := range []string{resource, sortedJSON(t.params), sortedJSON(t.headers), t.documentURL, t.endpoint} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	sum := md5.Sum([]byte(strings.Join(parts, "|"))) //nolint:gosec // see the import
	n, _ := strconv.ParseUint(hex.EncodeToString(sum[:2]), 16, 16)
	return 3335 + int(n)%45816
}

// sortedJSON is what JSON.stringify makes of an object with its names sorted;
// empty for an empty one.
func sortedJSON(m map[string]string) string {
	if len(m) == 0 {
		return ""
	}
	b, err := json.Marshal(m, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return ""
	}
	return string(b)
}

// newMCPRemoteTopic is "help mcp-remote".
func newMCPRemoteTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "mcp-remote",
		Short: "Every flag of mcp-remote, and how it is spelled here",
		Long:  mcpRemoteHelp(),
	}
}

// mcpRemoteHelp is the table for people, 80 columns wide: a word of mcp-remote,
// its native spelling, and below it what there is to know.
func mcpRemoteHelp() string {
	var b strings.Builder
	b.WriteString("How each word of a command line of mcp-remote 0.15.1 is spelled here. In the\nplace of mcp-remote, mcp-login takes either spelling.\n")
	for _, part := range []struct {
		title string
		rows  []mcpRemoteFlag
	}{{"Arguments", mcpRemotePositionals}, {"Flags", mcpRemoteFlags}, {"Environment", mcpRemoteVariables}} {
		fmt.Fprintf(&b, "\n%s:\n", part.title)
		for _, row := range part.rows {
			ours := wrap(row.Ours, "                                   ")
			if ours == "" {
				ours = "(nothing)"
			}
			if len(row.Theirs) < 32 {
				fmt.Fprintf(&b, "  %-32s %s\n", row.Theirs, ours)
			} else {
				fmt.Fprintf(&b, "  %s\n  %-32s %s\n", row.Theirs, "", ours)
			}
			if row.Note != "" {
				fmt.Fprintf(&b, "      %s\n", wrap(row.Note, "      "))
			}
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// wrap breaks text into lines that end before column 80 when each, and the first
// one too, stands behind indent.
func wrap(text, indent string) string {
	var b strings.Builder
	column := len(indent)
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case column+1+len(word) > 79:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
