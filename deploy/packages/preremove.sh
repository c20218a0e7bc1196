#!/bin/sh
# Before the files go for good, not before an upgrade: "remove" from dpkg, "0" from rpm.
set -e

if [ "$1" = remove ] || [ "$1" = 0 ]; then
	if [ -d /run/systemd/system ]; then
		systemctl --no-reload disable --now lwbs.service || true
	fi
fi
