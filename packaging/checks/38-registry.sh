#!/usr/bin/env bash
# server.json passes what the MCP registry checks when it is published, by the registry's own
# code: the schema, names and versions, and that the npm package names this server. The
# bundles that it names are those of the release.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
registry=github.com/modelcontextprotocol/registry@v1.8.9
folder=$(cd "$WORK" && go mod download -json "$registry" | sed -n 's/.*"Dir": "\(.*\)",/\1/p')

# What validates is internal to the registry's module, so it is built as if this were in it.
# It asks no network: an answer is the file of the release that would be published.
cat >"$WORK/main.go" <<'EOF'
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"

	"github.com/modelcontextprotocol/registry/internal/validators"
	api "github.com/modelcontextprotocol/registry/pkg/api/v0"
)

// release answers with files of the release.
type release string

func (r release) RoundTrip(req *http.Request) (*http.Response, error) {
	name := path.Base(req.URL.Path)
	if req.Method == http.MethodGet { // npm's registry, which is asked for /NAME/VERSION
		name = path.Join("npm", path.Base(path.Dir(req.URL.Path)), "package.json")
	}
	file, err := os.Open(filepath.Join(string(r), name))
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: file, Request: req}, nil
}

func main() {
	http.DefaultTransport = release(os.Args[1])
	var server api.ServerJSON
	text, err := os.ReadFile(filepath.Join(os.Args[1], "server.json"))
	if err == nil {
		err = json.Unmarshal(text, &server)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	found := validators.ValidateServerJSON(&server, validators.ValidationAll).Issues
	for _, issue := range found {
		fmt.Println(issue.Severity, issue.Path, issue.Message)
	}
	for i, pkg := range server.Packages {
		if err := validators.ValidatePackage(context.Background(), pkg, server.Name); err != nil {
			fmt.Println("package", i, err)
			os.Exit(1)
		}
	}
	if len(found) > 0 {
		os.Exit(1)
	}
}
EOF
mkdir -p "$WORK/registry/cmd/check"
cp -r "$folder"/{go.mod,go.sum,internal,pkg} "$WORK/registry"
mv "$WORK/main.go" "$WORK/registry/cmd/check"
(cd "$WORK/registry" && GOFLAGS=-mod=readonly go build -o "$WORK/validate" ./cmd/check)
"$WORK/validate" "$DIST" || fail "the registry would refuse server.json"

# A long description, another name, a range of versions and a file elsewhere are refused.
mkdir "$WORK/wrong"
ln -s "$DIST"/{npm,*.mcpb} "$WORK/wrong"
for wrong in 's/"description": "/&More than a hundred characters. /' 's/"name": "io.*"/"name": "io.github.another\/mcp-login"/' \
  's/"version": ".*"/"version": "1.x"/' 's/github.com.*mcpb/example.com\/x.mcpb/' 's/"fileSha256": "./&x/'; do
  sed "$wrong" "$DIST/server.json" >"$WORK/wrong/server.json"
  ! "$WORK/validate" "$WORK/wrong" >/dev/null || fail "it would be taken after $wrong"
done

node -e '
  const { version, packages } = require(process.argv[1]);
  if ([version, ...packages.map((p) => p.version)].some((v) => v !== process.argv[2])) throw new Error("another version");
  for (const p of packages) if (p.fileSha256) console.log(p.fileSha256 + "  " + p.identifier.split("/").pop());
' "$DIST/server.json" "$VERSION" >"$WORK/sums"
[ "$(wc -l <"$WORK/sums")" = 4 ] || fail "server.json does not name four bundles"
(cd "$DIST" && sha256sum --quiet -c "$WORK/sums") || fail "the checksums in server.json are not those of the bundles"
say "server.json is what the MCP registry takes: one npm package, four bundles"
