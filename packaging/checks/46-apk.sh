#!/usr/bin/env bash
# The package for Alpine. There is no apk among Debian's packages, so it is unpacked with
# tar, to which an apk is an archive, and used from there.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need rpm zstd
case $(uname -m) in x86_64) arch=amd64 ;; *) arch=arm64 ;; esac
mkdir "$WORK/system"
tar -xf "$DIST/mcp-login_$arch.apk" -C "$WORK/system" --warning=no-unknown-keyword
for line in "pkgname = mcp-login" "arch = $(uname -m)" "license = MIT"; do
  grep -qxF "$line" "$WORK/system/.PKGINFO" || fail ".PKGINFO does not say: $line"
done
for_the_channel apk "$WORK/system/usr/bin/mcp-login"
signin_below '' "$WORK/system/usr/bin/mcp-login"
# What the packages of systems hold is one thing, in the places of each.
list() { sed 's,^\./,,; s,vendor-completions,site-functions,; s,doc/mcp-login/copyright,licenses/mcp-login/LICENSE,' | grep -E '^/?usr/.*[^/]$' | sed 's,^/,,' | grep -vE 'changelog|lintian' | sort; }
dpkg-deb --fsys-tarfile "$DIST/mcp-login_$arch.deb" | tar -t | list >"$WORK/deb"
rpm -qp --nosignature --qf '[%{FILEMODES:perms} %{FILENAMES}\n]' "$DIST/mcp-login_$arch.rpm" | sed -n 's/^-[^ ]* //p' | list | diff "$WORK/deb" - >&2 || fail "deb and rpm differ"
for other in apk pkg.tar.zst; do
  tar -tf "$DIST/mcp-login_$arch.$other" --warning=no-unknown-keyword | list | diff "$WORK/deb" - >&2 || fail "deb and $other differ"
done
