#!/usr/bin/env bash
# There is one set of programs: whatever way somebody takes, the program is that of the
# archive, byte by byte.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need unzip zstd rpm2archive dpkg-deb
cd "$WORK"

# built NAME is the program that a file of this name has to hold: PROGRAM_..._OS_ARCH.
built() {
  local program=${1%%_*} os=linux exe='' arch=amd64_v1
  case $1 in *darwin*) os=darwin ;; *windows* | *win32*) os=windows exe=.exe ;; esac
  case $1 in *arm64*) arch=arm64_v8.0 ;; *universal*) arch=all program=$program-universal ;; esac
  echo "$DIST/${program}_${os}_$arch/${1%%_*}$exe"
}

# unpacked FILE: what is in it, into the folder content.
unpacked() {
  rm -rf content
  mkdir content
  case $1 in
    *.zip | *.mcpb) unzip -q "$1" -d content ;;
    *.deb) dpkg-deb -x "$1" content ;;
    *.rpm) rpm2archive - <"$1" | tar -xz -C content ;;
    *.apk) tar -xzf "$1" -C content 2>/dev/null ;;
    *.tar.gz | *.pkg.tar.zst) tar -xf "$1" -C content ;;
    *) fail "nobody has said how ${1##*/} is unpacked" ;;
  esac
}

# same NAME FOLDER: the one program in the folder is the right one.
same() {
  local found
  found=$(find "$2" -type f -size +1M -name "${1%%_*}*")
  [ "$(wc -l <<<"$found")" = 1 ] || fail "$1 holds ${found:-no program}"
  cmp "$found" "$(built "$1")" || fail "$1 holds another program than was built"
  [ -x "$found" ] || fail "the program in $1 cannot be run"
  count=$((count + 1))
}

count=0
while read -r _ name; do
  case $name in *_source.* | *.json | install.sh | npm-packages.tar) continue ;; esac
  unpacked "$DIST/$name"
  same "$name" content
done <"$DIST/SHA256SUMS"
rm -rf content
mkdir content
tar -xf "$DIST/npm-packages.tar" -C content
diff -r content/npm "$DIST/npm" >&2 || fail "npm-packages.tar does not hold the packages of npm"
for folder in "$DIST"/npm/cli-*; do
  same "mcp-login_${folder##*/cli-}" "$folder"
done
say "$count packages hold the program that was built"
