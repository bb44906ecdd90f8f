#!/usr/bin/env bash
# Write the locks again: names, versions and hashes of everything the project installs.
# run.lock is what a deployment needs, dev.lock adds the tests' tools, bench.lock the peers that benches measure against.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() { uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url -q "$@"; }
compile pyproject.toml -o requirements/run.lock
compile pyproject.toml --group dev -o requirements/dev.lock -c requirements/run.lock
# An installation that uses a model from a folder installs this one in place of run.lock.
compile pyproject.toml --extra models -o requirements/models.lock -c requirements/run.lock
# The benches' peers live in an environment of their own: some of them pin old versions of what we use.
printf 'cap-tools>=3.1\npywebpush>=2.0\nrequests>=2.32\n' | compile - -o src/tocsin/bench/peers.lock
printf "capparselib==0.6.6\nlxml\n" | compile - --no-deps -c requirements/run.lock -o src/tocsin/bench/peers-nodeps.lock
echo "uv" | compile - -o requirements/uv.lock
