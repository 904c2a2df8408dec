package server

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageStyle string
	//go:embed page.js
	pageScript string
)

// page is what people see who open the server in a browser.
type page struct {
	Host, Issuer, Resource, SSE, Metadata, Health, Version string
	Bridge, VSCode, Claude                                 string
	Style                                                  template.CSS
	Script                                                 template.JS
}

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
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return nil, fmt.Errorf("read page: %w", err)
	}
	var body bytes.Buffer
	if err := t.Execute(&body, page{
		Host: cfg.Resource.Host, Issuer: cfg.Issuer, Resource: resource,
		SSE: s.layout.origin + s.layout.prefix + pathSSE, Metadata: s.layout.metadataURL(),
		Health: s.layout.origin + s.layout.prefix + pathHealth, Version: s.version,
		Bridge: bridge, VSCode: vscode, Claude: "claude mcp add --transport http whoami " + resource,
		Style: template.CSS(pageStyle), Script: template.JS(pageScript), //nolint:gosec // files of this package
	}); err != nil {
		return nil, fmt.Errorf("write page: %w", err)
	}
	policy := "default-src 'none'; style-src " + hashOf(pageStyle) + "; script-src " + hashOf(pageScript) +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			methodNotAllowed(w, "GET, HEAD")
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "public, max-age=300")
		_, _ = w.Write(body.Bytes())
	}, nil
}

// snippet is JSON as people write it.
func snippet(v any) (string, error) {
	text, err := json.Marshal(v, jsontext.WithIndent("  "), json.Deterministic(true))
	if err != nil {
		return "", fmt.Errorf("encode snippet: %w", err)
	}
	return string(text), nil
}

// hashOf is a source expression of Content Security Policy Level 3.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
