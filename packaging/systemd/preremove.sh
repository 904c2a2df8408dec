#!/bin/sh
# Before whoami-server is removed, and not before an update: it is stopped and no longer
# enabled. dpkg says "remove", rpm how many stay installed.
set -e
case $1 in
  remove | 0) ;;
  *) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
  systemctl stop whoami-server.socket whoami-server.service || true
fi
if command -v systemctl >/dev/null; then
  systemctl --no-reload --quiet disable whoami-server.socket whoami-server.service || true
fi
