#!/bin/sh
# Installs the system packages that some tests use, where we are root on a Debian system. Without
# them those tests are skipped, and the skip says what to install.
set -eu

needed=""
have() { command -v "$1" >/dev/null 2>&1; }
have nginx || needed="$needed nginx-light"
have curl || needed="$needed curl"
have wget || needed="$needed wget"
have aria2c || needed="$needed aria2"
have rclone || needed="$needed rclone"
have zsh || needed="$needed zsh"
have fish || needed="$needed fish"
have chromium || needed="$needed chromium"
have chromedriver || needed="$needed chromium-driver"
have npm || needed="$needed nodejs npm"
have varnishd || [ -x /usr/sbin/varnishd ] || needed="$needed varnish"
have strace || needed="$needed strace"
have mkfs.xfs || [ -x /sbin/mkfs.xfs ] || needed="$needed xfsprogs"
have setpriv || needed="$needed util-linux"
have go || needed="$needed golang-go"
[ -d /usr/share/gocode/src/golang.org/x/mod ] || needed="$needed golang-golang-x-mod-dev"

[ -n "$needed" ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! have apt-get; then
    echo "not installed (need root and apt-get):$needed" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# A daemon started by a package would take ports; policy-rc.d would be a system-wide change, so
# the one package with a daemon is told not to start it.
apt-get update -qq
# shellcheck disable=SC2086
RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $needed >/dev/null
