#!/usr/bin/env bash
# The bundles: the one of this system is unpacked by mcpb, started by its own manifest, and
# used for a sign-in. What the others start is compared by same-bytes. None was opened in
# Claude Desktop.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$CLONE"
npm install --prefix "$WORK/tools" --loglevel=error --no-audit --no-fund --ignore-scripts @anthropic-ai/mcpb@2.1.2 >/dev/null
mcpb=$WORK/tools/node_modules/@anthropic-ai/mcpb

go build -o "$WORK/mcpb" ./packaging/mcpb
"$WORK/mcpb" "$DIST"
(cd "$DIST" && sha256sum ./*.mcpb server.json) >"$WORK/sums"
(umask 077; TZ=Asia/Tokyo "$WORK/mcpb" "$DIST")
(cd "$DIST" && sha256sum --quiet -c "$WORK/sums") || fail "written twice, the bundles differ"

for bundle in darwin_universal:darwin linux_amd64:linux linux_arm64:linux windows_amd64:win32; do
  name=${bundle%:*} folder=$WORK/${bundle%:*}
  node "$mcpb/dist/cli/cli.js" unpack "$DIST/mcp-login_${VERSION}_$name.mcpb" "$folder" >/dev/null
  said=$(node "$mcpb/dist/cli/cli.js" validate "$folder" 2>&1) || fail "mcpb does not take the manifest of $name: $said"
  grep -qF "\"platforms\": [\"${bundle#*:}\"]" "$folder/manifest.json" || fail "$name is for another system"
  grep -qF "\"version\": \"$VERSION\"" "$folder/manifest.json" || fail "$name has another version"
  cmp LICENSE "$folder/LICENSE"
  cmp THIRD_PARTY_NOTICES.txt "$folder/THIRD_PARTY_NOTICES.txt"
done

case $(uname -m) in x86_64) folder=$WORK/linux_amd64 ;; aarch64) folder=$WORK/linux_arm64 ;; *) fail "no bundle for $(uname -m)" ;; esac
start=(node "$CLONE/packaging/checks/bundle.mjs" "$mcpb" "$folder")
said=$("${start[@]}" version --json)
[[ $said == *"\"v$VERSION\""* && $said == *'"mcpb"'* ]] || fail "the bundle says $said"
mkdir "$WORK/home"
HOME=$WORK/home "$SIGNIN" -left "$WORK/home" -- "${start[@]}"
