#!/bin/sh
# After whoami-server was removed: systemd forgets the units. When dpkg purges it, the file
# with its secrets goes as its configuration does.
set -e
if [ "$1" = purge ]; then
  rm -f /etc/whoami-server.env
fi
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
