#!/usr/bin/env bash
# The packages for Debian: lintian has nothing to say, and in a fresh Debian they are
# installed, used for a sign-in, updated, removed and purged. The administrator's changes
# and a person's data stay, everything else goes.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need lintian mmdebstrap curl systemd-socket-activate
as_root_with_own_mounts "$0"
arch=$(dpkg --print-architecture)

lintian --fail-on error,warning "$DIST"/*_"$arch".deb 2>"$WORK/lintian.log" || { cat "$WORK/lintian.log" >&2; fail "lintian finds something"; }

debian=$WORK/debian
mmdebstrap --quiet --variant=essential "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$debian" 2>"$WORK/mmdebstrap.log" ||
  { cat "$WORK/mmdebstrap.log" >&2; fail "no Debian could be made"; }
mount -t proc proc "$debian/proc"
# What packages ask of systemd is written down; there is none here that could do it.
cat >"$debian/usr/bin/systemctl" <<'EOF'
#!/bin/sh
echo "$*" >>/run/systemctl
EOF
chmod +x "$debian/usr/bin/systemctl"
mkdir -p "$debian/run/systemd/system"

# dpkg installs and removes in that Debian, without a person to ask.
dpkg_there() {
  : >"$debian/run/systemctl"
  chroot "$debian" dpkg "$@" </dev/null >"$WORK/dpkg.log" 2>&1 || { cat "$WORK/dpkg.log" >&2; fail "dpkg $*"; }
}

# files lists what is there, without dpkg's own records and logs.
files() { find "$debian" -xdev ! -path '*/var/lib/dpkg/*' ! -path '*/var/log/*' ! -path "$debian/run/*" | sort; }

# asked fails unless systemctl was called with these lines and no others.
asked() { diff <(printf '%s' "$1") "$debian/run/systemctl" >&2 || fail "$2: systemd was asked for other things"; }

cp "$DIST/mcp-login_$arch.deb" "$DIST/whoami-server_$arch.deb" "$debian/tmp/"
mkdir -p "$debian/root/.local/state/mcp-login"
echo mine >"$debian/root/.local/state/mcp-login/of-a-person"
files >"$WORK/before"

# mcp-login
dpkg_there --install "/tmp/mcp-login_$arch.deb"
for_the_channel deb chroot "$debian" /usr/bin/mcp-login
signin_below "$debian" chroot "$debian" /usr/bin/mcp-login
dpkg_there --purge mcp-login
files | diff "$WORK/before" - >&2 || fail "purging mcp-login leaves or takes other files"

# whoami-server is not started before it is configured, and says what is missing.
config=$debian/etc/whoami-server.yaml
dpkg_there --install "/tmp/whoami-server_$arch.deb"
asked $'daemon-reload\n' "at the installation"
for_the_channel deb chroot "$debian" /usr/bin/whoami-server
chroot --userspec=65534:65534 "$debian" whoami-server --config /etc/whoami-server.yaml >"$WORK/said" 2>&1 && fail "it starts without an issuer"
grep -q '^error: issuer: missing' "$WORK/said" || { cat "$WORK/said" >&2; fail "it does not say that the issuer is missing"; }

# Configured as the file itself shows, the command of the unit serves, as a user without
# rights. (test/deploy has systemd judge the units.)
sed -i 's/^#resource:/resource:/; s,^#issuer:.*,issuer: http://127.0.0.1:9/oidc,' "$config"
port=$(free_port) ops=$(free_port)
command=$(sed -n "s/:9464/:$ops/; s/^ExecStart=//p" "$debian/usr/lib/systemd/system/whoami-server.service")
# shellcheck disable=SC2086 # the unit's command is split as systemd does it
systemd-socket-activate --listen=127.0.0.1:"$port" --fdname=http chroot --userspec=65534:65534 "$debian" $command >"$WORK/said" 2>&1 &
server=$!
got=$(curl -s --retry 20 --retry-connrefused --retry-delay 1 -H 'Host: mcp.example.com' -o "$WORK/answer" -w '%{http_code}' "http://127.0.0.1:$port/mcp" || true)
ready=$(curl -s -o "$WORK/ready" -w '%{http_code}' "http://127.0.0.1:$ops/readyz" || true)
kill "$server"
ended=0
wait "$server" || ended=$?
[ "$got $ready $ended" = "401 200 0" ] || { cat "$WORK/said" >&2; fail "the unit's command answered $got, was ready: $ready, ended with $ended"; }

# An update restarts a service that runs; the administrator's changes stay.
echo '# changed' >>"$config"
echo WHOAMI_BUS=redis://secret >"$debian/etc/whoami-server.env"
cp "$config" "$WORK/changed"
dpkg_there --install "/tmp/whoami-server_$arch.deb"
asked $'daemon-reload\ntry-restart whoami-server.service\n' "at an update"
cmp "$config" "$WORK/changed" || fail "an update changed the configuration"
dpkg_there --remove whoami-server
asked $'stop whoami-server.socket whoami-server.service\n--no-reload --quiet disable whoami-server.socket whoami-server.service\ndaemon-reload\n' "at the removal"
cmp "$config" "$WORK/changed" || fail "the removal took the configuration"
[ -e "$debian/etc/whoami-server.env" ] || fail "the removal took the secrets"
dpkg_there --purge whoami-server
files | diff "$WORK/before" - >&2 || fail "purging whoami-server leaves or takes other files"
say "installed, used, updated, removed and purged in Debian $(cat "$debian/etc/debian_version")"
