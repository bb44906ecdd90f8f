#!/usr/bin/env bash
# Install, once, the real servers and the browser that the tests start. Nothing here is needed to run Tocsin itself.
set -euo pipefail
packages=(chromium chromium-headless-shell postgresql-15-postgis-3 nats-server mosquitto xmlsec1 nginx-light libnginx-mod-nchan espeak-ng wrk fonts-noto-core)
missing=()
for package in "${packages[@]}"; do
  case "$package" in
    nginx-light) command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || missing+=("$package") ;;
    *) dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package") ;;
  esac
done
[ ${#missing[@]} -eq 0 ] && exit 0
echo "installing for the tests: ${missing[*]}" >&2
sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
$sudo apt-get update -qq
# A service that starts by itself would hold the ports the tests choose; the tests start their own.
printf '#!/bin/sh\nexit 101\n' | $sudo tee /usr/sbin/policy-rc.d >/dev/null && $sudo chmod +x /usr/sbin/policy-rc.d
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
$sudo rm -f /usr/sbin/policy-rc.d
