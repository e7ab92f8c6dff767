#!/usr/bin/env bash
# Debian's packages for the test cluster, where this user may install them. No service is started.
set -euo pipefail
log=$(mktemp)
packages=()
command -v slurmctld >/dev/null && command -v slurmd >/dev/null || packages+=(slurm-wlm)
command -v munged >/dev/null || packages+=(munge)
command -v slurmdbd >/dev/null || packages+=(slurmdbd)
command -v mariadbd >/dev/null || packages+=(mariadb-server)
[ ${#packages[@]} -eq 0 ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "the test cluster needs Debian's packages: apt-get install ${packages[*]} (as root); its tests are skipped without"
    exit 0
fi
# apt asks this file whether a service may start
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' > $policy
    chmod 755 $policy
    trap 'rm -f $policy' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
echo "installing ${packages[*]}"
if ! { apt-get update && apt-get install -y --no-install-recommends "${packages[@]}"; } >"$log" 2>&1; then
    tail -n 5 "$log"
    echo "could not install ${packages[*]}; the tests of the cluster are skipped"
fi
