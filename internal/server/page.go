package server

import (
	"cmp"
	"context"
	_ "embed" // the page's parts
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/hint"
	"mcp-login/internal/page"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageStyle string
	//go:embed page.js
	pageScript string
)

// unknownClientID stands on the page where a client_id is needed and the operator has
// named none.
const unknownClientID = "CLIENT_ID"

// pageHandler serves the page for people. Nothing on it depends on the request, but
// what the issuer's metadata say of unknown clients decides which of two it is: both
// are rendered once. Its policy allows its own style and script, by their hashes, and
// nothing else, from nowhere.
func (s *front) pageHandler(cfg *Config) (http.HandlerFunc, error) {
	template := page.New(pageHTML, pageStyle, pageScript)
	usual, err1 := s.renderPage(template, cfg, cfg.PublicClient)
	closed, err2 := s.renderPage(template, cfg, cmp.Or(cfg.PublicClient, unknownClientID))
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	settled, clients := cfg.PublicClient != "", cfg.Clients
	return onlyGET(func(w http.ResponseWriter, r *http.Request) {
		body, known, needed := usual, true, false
		if !settled {
			needed, known = s.needsClientID(r.Context(), clients)
		}
		if needed {
			body = closed
		}
		h := w.Header()
		template.Headers(h)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		if h.Set("Cache-Control", "public, max-age=300"); !known {
			h.Set("Cache-Control", "no-store")
		}
		_, _ = io.WriteString(w, body)
	}), nil
}

// registrationWait bounds how long the page for people waits for an issuer of which
// nothing is known yet.
const registrationWait = 2 * time.Second

// needsClientID reports whether a program must have been registered beforehand to sign
// in here, where tokens of clients are accepted, or of all if there are none; known is
// false while the issuer cannot be asked.
func (s *front) needsClientID(ctx context.Context, clients []string) (needs, known bool) {
	if len(clients) > 0 { // tokens of all others are refused
		return true, true
	}
	ctx, cancel := context.WithTimeout(ctx, registrationWait)
	defer cancel()
	document, err := s.resource.IssuerMetadata(ctx)
	if err != nil {
		return false, false
	}
	var m struct {
		RegistrationEndpoint string `json:"registration_endpoint"`
		MetadataDocuments    bool   `json:"client_id_metadata_document_supported"`
	}
	err = json.Unmarshal(document, &m)
	return err == nil && m.RegistrationEndpoint == "" && !m.MetadataDocuments, err == nil
}

// renderPage renders the page with a client_id in what is copied from it; "" for none.
func (s *front) renderPage(template page.Template, cfg *Config, clientID string) (string, error) {
	resource, flags, oauth := s.layout.resource, []string(nil), (*remoteOAuth)(nil)
	values := map[string]page.HTML{"Note": "", "Redirects": "", "InstallPage": ""}
	name, ask, call := purpose(cfg, values)
	if clientID != "" {
		flags, oauth = []string{"--client-id", clientID}, &remoteOAuth{clientID}
		values["Redirects"] = "They have redirect URIs of their own, which the application at the provider must allow. " +
			"Where it does not, use mcp-login."
	}
	if clientID == unknownClientID {
		values["Note"] = `<p class="note">Programs cannot register themselves at the provider of this server. Ask the people who run ` +
			"it for a client id, and write that in place of <code>" + unknownClientID + "</code>.</p>\n"
	}
	if cfg.InstallPage != "" {
		values["InstallPage"] = ` Here is <a href="` + page.Text(cfg.InstallPage) + `">how to get it</a>.`
	}
	entry, err1 := snippet(map[string]any{"mcpServers": map[string]any{
		name: program{"mcp-login", append(slices.Clone(flags), resource)},
	}})
	vscode, err2 := snippet(map[string]any{"servers": map[string]any{name: remoteServer{"http", resource, oauth}}})
	if err := errors.Join(err1, err2); err != nil {
		return "", err
	}
	behind := flags
	if len(flags) > 0 {
		behind = append([]string{"--"}, flags...)
	}
	for name, f := range map[string]struct{ what, code string }{
		"Login":   {"Sign in", command([]string{"mcp-login", "login"}, flags, []string{resource})},
		"Call":    {ask, command(call)},
		"Config":  {"Put it into a client's configuration, for example Cursor's", command([]string{"mcp-login", "config", "cursor", resource, "--write"}, behind)},
		"Entry":   {"Or put it there yourself", entry},
		"VSCode":  {"Visual Studio Code, in .vscode/mcp.json", vscode},
		"Claude":  {"Claude Code", command([]string{"claude", "mcp", "add", "--transport", "http"}, flags, []string{name, resource})},
		"Install": {"At a terminal", "go install ./cmd/mcp-login"},
	} {
		values[name] = figure(strings.ToLower(name), f.what, f.code)
	}
	for name, text := range map[string]string{
		"Host": cfg.Resource.Host, "Resource": resource, "SSE": s.layout.origin + s.layout.prefix + pathSSE,
		"Metadata": s.resource.MetadataURL(), "Health": s.layout.origin + s.layout.prefix + pathHealth, "Version": s.version,
	} {
		values[name] = page.Text(text)
	}
	return template.Render(values), nil
}

// purpose puts into values what the server is for. It returns a name for clients'
// configurations, and a command to begin with and what that does.
func purpose(cfg *Config, values map[string]page.HTML) (name, ask string, call []string) {
	resource, issuer := cfg.Resource.String(), `<span class="url">`+page.Text(cfg.Issuer)+`</span>`
	if cfg.Upstream != nil || cfg.ForwardAuth != nil {
		values["Title"] = page.Text(cmp.Or(cfg.About.Name, "MCP server"))
		values["What"] = `for people who sign in at ` + issuer
		return cfg.Resource.Hostname(), "See what it can do", []string{"mcp-login", "tools", resource}
	}
	values["Title"] = "whoami"
	values["What"] = `with one question to ask it: who am I? An
assistant that is connected here can read what ` + issuer + ` says about the person who is
signed in`
	return "whoami", "Ask who you are", []string{"mcp-login", "call", resource, "whoami"}
}

// program is an entry of a client that starts one.
type program struct {
	Command string   `json:"command"`
	Args    []string `json:"args"`
}

// remoteServer is an entry of a client that connects by itself.
type remoteServer struct {
	Type  string       `json:"type"`
	URL   string       `json:"url"`
	OAuth *remoteOAuth `json:"oauth,omitzero"`
}

type remoteOAuth struct {
	ClientID string `json:"clientId"`
}

// figure is something to copy, below what it is for and the button that copies it.
func figure(id, what, code string) page.HTML {
	return page.HTML(`<figure><figcaption><span id="`+id+`">`) + page.Text(what) +
		page.HTML(`</span><button type="button" aria-describedby="`+id+`" hidden>Copy</button></figcaption><pre><code>`) +
		page.HTML(words.ReplaceAllString(string(page.Text(code)), "<span>$0</span>")) + "</code></pre></figure>\n"
}

// words are what figure keeps together: browsers else break a flag at its hyphens.
var words = regexp.MustCompile(`\S+`)

// command is a line for a shell.
func command(parts ...[]string) string {
	line := slices.Concat(parts...)
	for k, word := range line {
		line[k] = hint.Quote(word)
	}
	return strings.Join(line, " ")
}

// snippet is JSON as people write it.
func snippet(v any) (string, error) {
	text, err := json.Marshal(v, jsontext.WithIndent("  "), json.Deterministic(true))
	if err != nil {
		return "", fmt.Errorf("encode snippet: %w", err)
	}
	return string(text), nil
}
