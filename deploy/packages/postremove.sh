#!/bin/sh
# After the files are gone. The database stays, with its key; "purge" of dpkg removes both.
set -e

if [ "$1" = purge ]; then
	rm -rf /var/lib/lwbs
	rmdir /etc/lwbs 2>/dev/null || true
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
