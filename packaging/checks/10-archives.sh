#!/usr/bin/env bash
# Archives hold the programs, and these are what their names say.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$WORK"
case $(uname -m) in x86_64) arch=amd64 ;; aarch64) arch=arm64 ;; *) fail "no release for $(uname -m)" ;; esac
for program in mcp-login whoami-server; do
  name=${program}_${VERSION}_linux_$arch
  tar -xf "$DIST/$name.tar.gz"
  got=$("$name/$program" --version)
  [[ $got == *"v$VERSION"* ]] || fail "$name says $got"
done
