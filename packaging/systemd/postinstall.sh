#!/bin/sh
# After whoami-server was installed or updated: systemd hears of the units, and a service
# that runs is restarted. Nothing is enabled or started: it has to be configured first.
# dpkg says "configure" and the old version if there was one, rpm how many are installed.
set -e
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
case $1:$2 in
  configure:?* | 2:*) systemctl try-restart whoami-server.service || true ;;
esac
