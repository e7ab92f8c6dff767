#!/usr/bin/env bash
# Install the lock and this package (editable) into the environment of the given interpreter:
#   envs/install.sh .venv/bin/python
# uv installs, because pip cannot override MediaPipe's pins. uv does not read pip's configuration, so what pip is
# configured with (a folder with the CPU build of torch, a mirror) is handed over.
set -euo pipefail
python=$1
envs=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

pip_setting() { # the environment goes before pip's files, as in pip itself
    local variable="PIP_${1//-/_}"
    variable=${variable^^}
    printf '%s' "${!variable:-$("$python" -m pip config get "global.$1" 2>/dev/null || true)}"
}

options=(--override "$envs/overrides.txt" --index-strategy unsafe-best-match)
for folder in $(pip_setting find-links); do options+=(--find-links "$folder"); done
for index in $(pip_setting index-url); do options+=(--default-index "$index"); done
for index in $(pip_setting extra-index-url); do
    case $index in http*) options+=(--index "$index") ;; esac
done
certificates=$(pip_setting cert)
if [ -n "$certificates" ]; then export SSL_CERT_FILE=${SSL_CERT_FILE:-$certificates}; fi

"$python" -m pip install --quiet --disable-pip-version-check "$(grep '^uv==' "$envs/requirements.lock")"
# Every job starts a Python of its own: without compiled bytecode, importing torch takes several times as long.
# --exact removes what an older lock had left; torch's own CUDA packages, where its build has some, are resolved by uv.
"$python" -m uv pip install --quiet --python "$python" --exact --compile-bytecode \
    "${options[@]}" \
    --requirement "$envs/requirements.lock" --editable "$envs/.."
