package server

import (
	_ "embed" // the page's parts
	"fmt"
	"io"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

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

// pageHandler serves the page for people. It is rendered once: nothing on it
// depends on the request. Its policy allows its own style and script, by their
// hashes, and nothing else, from nowhere.
func (s *Server) pageHandler(cfg *Config) (http.HandlerFunc, error) {
	resource := s.layout.resource
	type program struct {
		Command string   `json:"command"`
		Args    []string `json:"args"`
	}
	bridge, err := snippet(map[string]any{
		"mcpServers": map[string]any{"whoami": program{"mcp-login", []string{resource}}},
	})
	if err != nil {
		return nil, err
	}
	type remoteServer struct {
		Type string `json:"type"`
		URL  string `json:"url"`
	}
	vscode, err := snippet(map[string]any{"servers": map[string]any{"whoami": remoteServer{"http", resource}}})
	if err != nil {
		return nil, err
	}
	template := page.New(pageHTML, pageStyle, pageScript)
	body := template.Render(map[string]page.HTML{
		"Host": page.Text(cfg.Resource.Host), "Issuer": page.Text(cfg.Issuer), "Resource": page.Text(resource),
		"SSE": page.Text(s.layout.origin + s.layout.prefix + pathSSE), "Metadata": page.Text(s.layout.metadataURL()),
		"Health": page.Text(s.layout.origin + s.layout.prefix + pathHealth), "Version": page.Text(s.version),
		"Bridge": page.Text(bridge), "VSCode": page.Text(vscode), "Claude": page.Text("claude mcp add --transport http whoami " + resource),
	})
	return onlyGET(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		template.Headers(h)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "public, max-age=300")
		_, _ = io.WriteString(w, body)
	}), nil
}

// snippet is JSON as people write it.
func snippet(v any) (string, error) {
	text, err := json.Marshal(v, jsontext.WithIndent("  "), json.Deterministic(true))
	if err != nil {
		return "", fmt.Errorf("encode snippet: %w", err)
	}
	return string(text), nil
}
