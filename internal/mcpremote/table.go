package mcpremote

import "strings"

// Version is the release of mcp-remote that Flags, Arguments and Variables describe.
const Version = "0.15.1"

// Row is one word of mcp-remote's command line, or one variable, and how it is
// spelled here.
type Row struct {
	Theirs string // with a placeholder for its value, if it takes one
	Ours   string // "" where nothing corresponds
	Note   string // for people

	// translate adds the flag to a translation. nil adds the first word of Ours, with the
	// same value. Where Ours is "" as well, mcp-remote's own word is passed on, and refused
	// unless it is one of our flags: a word that is only to be dropped needs ignore.
	translate func(t *translation, value string) error
}

// Name is the word without the placeholder.
func (r Row) Name() string {
	name, _, _ := strings.Cut(r.Theirs, " ")
	return name
}

func (r Row) takesValue() bool { return strings.Contains(r.Theirs, " ") }

// Flags are all flags of mcp-remote in that [Version], in the order of its documentation, and
// --cache-dir, which public configurations still have.
var Flags = []Row{
	{Theirs: "--header NAME:VALUE", Ours: "--header 'NAME: VALUE'", Note: "NAME=VALUE as well; ${VAR} is replaced in the value", translate: (*translation).header},
	{Theirs: "--header-file FILE", Ours: "--header-file FILE", Note: "# begins a comment; a line that is no header is an error here", translate: (*translation).headerFile},
	{Theirs: "--transport STRATEGY", Ours: "--transport auto|http|sse", Note: "http-first and sse-first are auto, http-only is http, sse-only is sse", translate: (*translation).transport},
	{Theirs: "--protocol MODE", Note: "revisions are always found out, as with auto", translate: (*translation).protocol},
	{Theirs: "--host HOST", Ours: "--callback-host HOST", Note: "loopback names only"},
	{Theirs: "--callback-path PATH", Ours: "--callback-path PATH"},
	{Theirs: "--auth-timeout SECONDS", Ours: "--timeout DURATION", Note: "ten minutes without it, instead of 30 seconds", translate: seconds("--timeout", false)},
	{Theirs: "--auth-success-url URL", Ours: "--success-url URL", Note: "https, or http on this machine", translate: (*translation).successURL},
	{Theirs: "--allow-http", Ours: "--allow-http"},
	{Theirs: "--debug", Ours: "--log-level debug", Note: "to stderr, not to a file", translate: (*translation).setDebug},
	{Theirs: "--silent", Ours: "--log-level error", Note: "little is written without it", translate: (*translation).setSilent},
	{Theirs: "--enable-proxy", Note: "HTTPS_PROXY, HTTP_PROXY and NO_PROXY are always honoured", translate: (*translation).ignore},
	{Theirs: "--ignore-tool PATTERN", Ours: "--ignore-tool PATTERN", Note: "repeatable"},
	{Theirs: "--connect-timeout SECONDS", Ours: "--connect-timeout DURATION", translate: seconds("--connect-timeout", false)},
	{Theirs: "--headers-timeout SECONDS", Ours: "--headers-timeout DURATION", translate: seconds("--headers-timeout", true)},
	{Theirs: "--body-timeout SECONDS", Ours: "--body-timeout DURATION", Note: "0, no limit, is what holds without it", translate: seconds("--body-timeout", true)},
	{Theirs: "--keep-alive", Ours: "--ping-interval 30s", translate: (*translation).setKeepAlive},
	{Theirs: "--ping-interval SECONDS", Ours: "--ping-interval DURATION", translate: seconds("--ping-interval", false)},
	{Theirs: "--ipv4", Ours: "--ipv4"},
	{Theirs: "--disable-cookies", Ours: "--no-cookies"},
	{Theirs: "--resource URI", Ours: "--resource URI", Note: "empty leaves it out", translate: (*translation).setResource},
	{Theirs: "--disable-resource-parameter", Ours: "--no-resource", translate: (*translation).setNoResource},
	{Theirs: "--authorize-param NAME=VALUE", Ours: "--auth-param NAME=VALUE", Note: "repeatable", translate: (*translation).authorizeParam},
	{Theirs: "--static-oauth-client-metadata JSON|@FILE", Ours: "--client-metadata JSON|@FILE", Note: "--client-name, --client-uri and --scope say some of it shorter; what cannot have an effect is an error", translate: (*translation).clientMetadata},
	{Theirs: "--static-oauth-client-info JSON|@FILE", Ours: "--client-id ID, and --client-secret-file FILE or MCP_LOGIN_CLIENT_SECRET", Note: "${VAR} is replaced", translate: (*translation).clientInfo},
	{Theirs: "--client-metadata-url URL", Ours: "--client-metadata-url URL", translate: (*translation).setMetadataURL},
	{Theirs: "--client-credentials", Ours: "--client-credentials"},
	{Theirs: "--token-endpoint URL", Ours: "--token-endpoint URL", translate: (*translation).setTokenEndpoint},
	{Theirs: "--device-code", Ours: "--device"},
	{Theirs: "--use-id-token", Ours: "--id-token"},
	{Theirs: "--cache-dir DIR", Note: "has no effect, which is said: logins are kept in the store, whose folder MCP_LOGIN_DIR names"},
	{Theirs: "--help", Ours: "--help"},
	{Theirs: "-h", Ours: "--help"},
	{Theirs: "--version", Ours: "mcp-login version", translate: (*translation).setVersion},
}

// Arguments and Variables are the rest of what mcp-remote reads.
var Arguments = []Row{
	{Theirs: "URL", Ours: "URL", Note: "flags may stand in front of it"},
	{Theirs: "PORT", Ours: "--callback-port PORT --callback-host localhost --callback-path /oauth/callback", Note: "the redirect URI that mcp-remote has with a port; so also with a static client, with the port that mcp-remote derives"},
}

var Variables = []Row{
	{Theirs: "MCP_REMOTE_CONFIG_DIR", Ours: "MCP_LOGIN_DIR", Note: "mcp-login import mcp-remote reads logins from the old place"},
	{Theirs: "HTTPS_PROXY, HTTP_PROXY, NO_PROXY", Ours: "the same", Note: "without --enable-proxy"},
	{Theirs: "NODE_EXTRA_CA_CERTS", Ours: "the same, or --ca-file FILE", Note: "seldom needed: the certificates of the system are trusted"},
	{Theirs: "NODE_TLS_REJECT_UNAUTHORIZED", Note: "certificates are always checked"},
	{Theirs: "BROWSER", Ours: "BROWSER", Note: "or MCP_LOGIN_BROWSER"},
	{Theirs: "${VAR} in headers and client information", Ours: "the same, or ${env:VAR}", Note: "one that is not set, or empty, is an error"},
}
