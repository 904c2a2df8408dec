#!/bin/sh
# After whoami-server was removed, and not after an update: systemd forgets the units. When
# dpkg purges it, the file with its secrets goes as its configuration does.
set -e
case $1 in
  purge) rm -f /etc/whoami-server.env ;;
  remove | 0) [ ! -d /run/systemd/system ] || systemctl daemon-reload ;;
esac
