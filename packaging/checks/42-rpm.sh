#!/usr/bin/env bash
# The packages for systems with RPM: installed into an empty system, used, updated and
# erased. The files are as they were packed, and nothing stays but what somebody changed.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need rpm busybox
as_root_with_own_mounts "$0"
arch=$(dpkg --print-architecture)
system=$WORK/system

# A system with the folders that belong to a system's own package, a shell for the packages'
# scripts, and a systemd that writes down what it is asked.
mkdir -p "$system"/{bin,dev,etc,run/systemd/system,usr/{bin,lib/systemd/system},var/{lib,tmp}}
mkdir -p "$system"/usr/share/{bash-completion/completions,doc,fish/vendor_completions.d,licenses,man/man{1,7,8},zsh/site-functions}
touch "$system/dev/null"
mount --bind /dev/null "$system/dev/null"
cp "$(command -v busybox)" "$system/bin/sh"
printf '#!/bin/sh\necho "$*" >>/run/systemctl\n' >"$system/bin/systemctl"
chmod +x "$system/bin/systemctl"

# rpm_there works on that system, of which rpm knows no other package. As on systems that
# install nothing unsigned, it does so for --nosignature alone.
rpm_there() {
  : >"$system/run/systemctl"
  rpm --root "$system" --define '_pkgverify_level all' --nodeps --nosignature "$@" >"$WORK/rpm.log" 2>&1 || { cat "$WORK/rpm.log" >&2; fail "rpm $*"; }
}
files() { find "$system" ! -path '*/var/lib/rpm/*' ! -path "$system/run/*" | sort; }
asked() { diff <(printf '%s' "$1") "$system/run/systemctl" >&2 || fail "$2: systemd was asked for other things"; }

rpm --root "$system" --initdb
files >"$WORK/before"
for package in "$DIST"/*.rpm; do
  [ "$(rpm -qp --nosignature --qf '%{BUILDHOST}' "$package")" = localhost ] || fail "$package says where it was built"
done
# A configuration that somebody changed is not replaced, also when the package's is new.
rpm -qp --nosignature --qf '[%{FILEFLAGS:fflags} %{FILENAMES}\n]' "$DIST/whoami-server_$arch.rpm" | grep -qxF 'cn /etc/whoami-server.yaml' ||
  fail "the configuration of whoami-server is one that an update replaces"
rpm_there --install "$DIST/mcp-login_$arch.rpm"
rpm_there --verify mcp-login
for_the_channel rpm "$system/usr/bin/mcp-login"
signin_below '' "$system/usr/bin/mcp-login"
rpm_there --erase mcp-login

rpm_there --install "$DIST/whoami-server_$arch.rpm"
asked $'daemon-reload\n' "at the installation"
rpm_there --verify whoami-server
for_the_channel rpm "$system/usr/bin/whoami-server"
echo '# changed' >>"$system/etc/whoami-server.yaml"
cp "$system/etc/whoami-server.yaml" "$WORK/changed"
rpm_there --upgrade --force "$DIST/whoami-server_$arch.rpm"
asked $'daemon-reload\ntry-restart whoami-server.service\n' "at an update"
cmp "$system/etc/whoami-server.yaml" "$WORK/changed" || fail "an update changed the configuration"
rpm_there --erase whoami-server
asked $'stop whoami-server.socket whoami-server.service\n--no-reload --quiet disable whoami-server.socket whoami-server.service\ndaemon-reload\n' "at the removal"
cmp "$system/etc/whoami-server.yaml.rpmsave" "$WORK/changed" || fail "the removal took what was changed"
rm "$system/etc/whoami-server.yaml.rpmsave"

files | diff "$WORK/before" - >&2 || fail "erasing leaves or takes other files"
