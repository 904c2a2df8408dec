package server

import (
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"fmt"
	"html"
	"net/http"
	"strings"

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

// page is what people see who open the server in a browser, by the name of its
// place. html/template would be the usual way, but it finds methods by their
// names as the program runs, so that the linker must keep every method of every
// package: a third of the program, and two megabytes of its memory.
type page map[string]string

// render puts the values, and the style and script of the page, into it. Values
// stand where text stands, and in attributes between double quotes; nothing in a
// value is taken for a place.
func (p page) render() []byte {
	places := []string{"{{Style}}", pageStyle, "{{Script}}", pageScript}
	for name, value := range p {
		places = append(places, "{{"+name+"}}", html.EscapeString(value))
	}
	return []byte(strings.NewReplacer(places...).Replace(pageHTML))
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
	body := page{
		"Host": cfg.Resource.Host, "Issuer": cfg.Issuer, "Resource": resource,
		"SSE": s.layout.origin + s.layout.prefix + pathSSE, "Metadata": s.layout.metadataURL(),
		"Health": s.layout.origin + s.layout.prefix + pathHealth, "Version": s.version,
		"Bridge": bridge, "VSCode": vscode, "Claude": "claude mcp add --transport http whoami " + resource,
	}.render()
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
		_, _ = w.Write(body)
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
