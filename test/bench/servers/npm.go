package main

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// versionMCPAuth is that of node/package.json.
const versionMCPAuth = "0.2.0"

// sample does what the server of mcp-auth's tutorial does.
//
//go:embed node
var sample embed.FS

// peers installs the sample, in both its variants.
func (l *lab) peers(ctx context.Context, node string) ([]*subject, error) {
	files, err := fs.Sub(sample, "node")
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(l.dir, "node")
	if err := os.CopyFS(dir, files); err != nil {
		return nil, fmt.Errorf("copy the sample: %w", err)
	}
	cmd := exec.CommandContext(ctx, "npm", "install", "--no-fund", "--no-audit", "--loglevel=error")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("npm install: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	if node, err = exec.LookPath(node); err != nil {
		return nil, fmt.Errorf("--peers needs Node.js: %w", err)
	}
	if node, err = filepath.Abs(node); err != nil {
		return nil, err
	}
	version, err := exec.CommandContext(ctx, node, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("node --version: %w", err)
	}
	what := "mcp-auth " + versionMCPAuth + ", Node " + strings.TrimSpace(string(version))
	var list []*subject
	for _, v := range []struct {
		kind kind
		file string
	}{{kindOpaque, "userinfo.mjs"}, {kindJWT, "jwt.mjs"}} {
		list = append(list, &subject{
			name: nameNode, what: what, kind: v.kind, peer: true, path: "/",
			command: []string{node, filepath.Join(dir, v.file)},
			env:     []string{"MCP_AUTH_ISSUER=" + l.provider.Issuer(), "MCP_RESOURCE_IDENTIFIER=" + resource, "NODE_ENV=production"},
			ready:   regexp.MustCompile(`listening on ([0-9.:]+)`),
		})
	}
	return list, nil
}
