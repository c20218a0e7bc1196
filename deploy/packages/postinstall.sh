#!/bin/sh
# After the files are there: the user, the folder of the database, and a restart of a server that runs.
set -e

if ! getent passwd lwbs >/dev/null; then
	useradd --system --user-group --home-dir /var/lib/lwbs --no-create-home --shell /usr/sbin/nologin lwbs
fi
if [ ! -d /var/lib/lwbs ]; then
	install -d -m 0700 -o lwbs -g lwbs /var/lib/lwbs
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl try-restart lwbs.service
fi

# "configure" without a former version from dpkg, "1" from rpm: the first installation.
if { [ "$1" = configure ] && [ -z "$2" ]; } || [ "$1" = 1 ]; then
	echo "lwbs: see /etc/lwbs/lwbs.yaml, then: systemctl enable --now lwbs"
fi
