#!/usr/bin/env bash
# The bundles: the one of this system is unpacked by mcpb, started by its own manifest, and
# used for a sign-in. The others hold the program of their system, and the same manifest but
# for its name. None was opened in Claude Desktop.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$CLONE"
npm install --prefix "$WORK/tools" --silent --no-audit --no-fund --ignore-scripts @anthropic-ai/mcpb@2.1.2
mcpb=$WORK/tools/node_modules/@anthropic-ai/mcpb

go build -o "$WORK/mcpb" ./packaging/mcpb
"$WORK/mcpb" "$DIST"
(cd "$DIST" && sha256sum ./*.mcpb server.json) >"$WORK/sums"
(umask 077; TZ=Asia/Tokyo "$WORK/mcpb" "$DIST")
(cd "$DIST" && sha256sum --quiet -c "$WORK/sums") || fail "written twice, the bundles differ"

for bundle in darwin_universal:darwin:universal_darwin_all/mcp-login linux_amd64:linux:linux_amd64_v1/mcp-login \
  linux_arm64:linux:linux_arm64_v8.0/mcp-login windows_amd64:win32:windows_amd64_v1/mcp-login.exe; do
  IFS=: read -r name platform program <<<"$bundle"
  folder=$WORK/$name
  node "$mcpb/dist/cli/cli.js" unpack "$DIST/mcp-login_${VERSION}_$name.mcpb" "$folder" >/dev/null
  node "$mcpb/dist/cli/cli.js" validate "$folder" || fail "mcpb does not take the manifest of $name"
  cmp "$DIST/mcp-login"[_-]"$program" "$folder/server/${program##*/}" || fail "$name holds another program"
  [ -x "$folder/server/${program##*/}" ] || fail "the program in $name cannot be run"
  grep -qF "\"platforms\": [\"$platform\"]" "$folder/manifest.json" || fail "$name is for another system"
  grep -qF "\"version\": \"$VERSION\"" "$folder/manifest.json" || fail "$name has another version"
  cmp THIRD_PARTY_NOTICES.txt "$folder/THIRD_PARTY_NOTICES.txt" && cmp LICENSE "$folder/LICENSE"
done

case $(uname -m) in x86_64) folder=$WORK/linux_amd64 ;; aarch64) folder=$WORK/linux_arm64 ;; *) fail "no bundle for $(uname -m)" ;; esac
start=(node "$CLONE/packaging/checks/bundle.mjs" "$mcpb" "$folder")
said=$("${start[@]}" version --json)
[[ $said == *"\"v$VERSION\""* && $said == *'"mcpb"'* ]] || fail "the bundle says $said"
mkdir "$WORK/home"
HOME=$WORK/home "$SIGNIN" -- "${start[@]}"
