package server

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/mark3labs/mcp-go/mcp"

	"mcp-login/bearer"
	"mcp-login/test/binary"
	"mcp-login/test/issuer"
)

// A token that names nobody is told of in the answer's _meta each time, and in the log
// once for each kind of token; no token and no claim goes into either.
func TestNoProfileIsToldOf(t *testing.T) {
	i := issuer.Start(t)
	log := &binary.Output{}
	s := newServer(t, i, func(c *Config) { c.Log = log.Logger() })
	i.Userinfo = issuer.Answer(200, `{"sub":"subject-0815","email":null,"name":""}`)
	bare := i.Sign(t, issuer.Change{Claims: map[string]any{"sub": "subject-0815", "email": nil, "name": nil}})
	for token, told := range map[string]bool{
		bare:                            true,
		"opaque-0815":                   true,
		i.Claim(t, "username", "alice"): false,
		i.Claim(t, "preferred_username", "alice"): false,
		i.Claim(t, "name", "Alice"):               false,
		i.Claim(t, "email", "a@example.test"):     false,
		i.Claim(t, "email", ""):                   true,
		i.Claim(t, "name", []string{"Alice"}):     true,
		i.Claim(t, "sub", "app"):                  false, // a client that signs in as itself
	} {
		for range 2 {
			body, err := io.ReadAll(call(s, "POST", "/mcp", token, callWhoami, "Accept", "application/json, text/event-stream").Body)
			if err != nil || !strings.Contains(string(body), `"structuredContent"`) {
				t.Fatalf("%v %s", err, body)
			}
			if got := strings.Contains(string(body), profileMeta) && strings.Contains(string(body), "docs/logto.md#"); got != told {
				t.Errorf("told %v, want %v: %s", got, told, body)
			}
			if _, meta, _ := strings.Cut(string(body), `"_meta"`); told && strings.Contains(strings.SplitN(meta, `"content"`, 2)[0], "0815") {
				t.Errorf("a claim in _meta: %s", meta)
			}
		}
	}
	if n := strings.Count(log.String(), "a token brings no profile"); n != 2 { // a JWT and an opaque token
		t.Errorf("%d lines: %s", n, log)
	}
	for line := range strings.SplitSeq(log.String(), "\n") {
		if strings.Contains(line, "no profile") && (strings.Contains(line, "0815") || strings.Contains(line, bare) || !strings.Contains(line, "docs/logto.md#")) {
			t.Errorf("the log: %s", line)
		}
	}
}

// However many issuers a verifier of somebody else invents, the log stays bounded.
func TestProfileKindsAreBounded(t *testing.T) {
	log := &binary.Output{}
	s := newServer(t, issuer.Start(t), func(c *Config) { c.Log = log.Logger() })
	for k := range 10 * maxProfileKinds {
		s.backend.(*whoami).noteProfile(bearer.Identity{Subject: "s", Issuer: "https://" + strings.Repeat("x", k) + ".example"}, &mcp.CallToolResult{})
	}
	if n := strings.Count(log.String(), "no profile"); n != maxProfileKinds {
		t.Errorf("%d lines", n)
	}
}

// The section that both name is on the page.
func TestPageHasTheProfileSection(t *testing.T) {
	page, err := os.ReadFile("../../docs/logto.md")
	if err != nil || !strings.HasPrefix(profileSection, "docs/logto.md#no-name-in-the-answer") || !strings.Contains(string(page), "\n### No name in the answer\n") {
		t.Errorf("%s: %v", profileSection, err)
	}
}

// The log says which required claim a token lacks.
func TestMissingClaimIsNamed(t *testing.T) {
	i := issuer.Start(t)
	log := &binary.Output{}
	s := newServer(t, i, func(c *Config) { c.Log = log.Logger() })
	for _, name := range []string{"exp", "aud", "iss", "sub"} {
		if resp := call(s, "POST", "/mcp", i.Claim(t, name, nil), callWhoami); resp.StatusCode != 401 {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
		if !strings.Contains(log.String(), "a required claim is missing: "+name) {
			t.Errorf("%s is not named: %s", name, log)
		}
	}
}

// What the Inspector asks of a tool: a title of its own, and a schema in which no type is
// a list (strict mode of JSON Schema validators). The answer still fits, null included.
func TestToolsPleaseStrictClients(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, func(c *Config) { c.ToolScopes = map[string][]string{toolDetails: {"mcp:read"}} })
	body, err := io.ReadAll(call(s, "POST", "/mcp", i.Sign(t, issuer.Change{}), `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, "Accept", "application/json, text/event-stream").Body)
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Result struct {
			Tools []struct {
				Name         string         `json:"name"`
				Title        string         `json:"title"`
				OutputSchema map[string]any `json:"outputSchema"`
				InputSchema  map[string]any `json:"inputSchema"`
			} `json:"tools"`
		} `json:"result"`
	}
	if err := json.Unmarshal(body, &list); err != nil || len(list.Result.Tools) != 2 {
		t.Fatalf("%v: %s", err, body)
	}
	for _, tool := range list.Result.Tools {
		if tool.Title == "" {
			t.Errorf("%s has no title", tool.Name)
		}
		for _, schema := range []map[string]any{tool.OutputSchema, tool.InputSchema} {
			if schema["type"] != "object" || hasListOfTypes(schema) {
				t.Errorf("%s: %v", tool.Name, schema)
			}
		}
	}
}

func hasListOfTypes(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		if _, list := v["type"].([]any); list {
			return true
		}
		for _, inner := range v {
			if hasListOfTypes(inner) {
				return true
			}
		}
	case []any:
		for _, inner := range v {
			if hasListOfTypes(inner) {
				return true
			}
		}
	}
	return false
}
