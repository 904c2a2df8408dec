#!/usr/bin/env bash
# The package for Arch Linux: pacman installs it into an empty system, finds it whole, and
# removes it without a trace.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need pacman
case $(uname -m) in x86_64) arch=amd64 ;; *) arch=arm64 ;; esac
system=$WORK/system
mkdir -p "$system/var/lib/pacman"
# With the levels of Arch Linux, at which a file needs no signature but an address does.
printf '[options]\nArchitecture = auto\nSigLevel = Required DatabaseOptional\nLocalFileSigLevel = Optional\n' >"$WORK/pacman.conf"

# pacman_there works on that system, of which pacman knows no other package.
pacman_there() {
  pacman --root "$system" --config "$WORK/pacman.conf" --noconfirm --logfile "$WORK/pacman.log" "$@" >"$WORK/said" 2>&1 ||
    { cat "$WORK/said" >&2; fail "pacman $*"; }
}
files() { find "$system" ! -path '*/var/lib/pacman/*' | sort; }

pacman_there --database --check
files >"$WORK/before"
pacman_there --upgrade --nodeps --nodeps "$DIST/mcp-login_$arch.pkg.tar.zst"
pacman_there --query --check --check mcp-login
for_the_channel arch "$system/usr/bin/mcp-login"
signin_below '' "$system/usr/bin/mcp-login"
pacman_there --remove mcp-login
files | diff "$WORK/before" - >&2 || fail "the removal leaves or takes other files"
