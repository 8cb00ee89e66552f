#!/usr/bin/env bash
# Generates the stubs, compiles the example and runs it against the catalog at CATALOG_ADDRESS, with CATALOG_TOKEN.
set -euo pipefail
: "${CATALOG_ADDRESS:?must be HOST:PORT of the catalog}" "${CATALOG_TOKEN:?must be a token}"
cd "$(dirname "${BASH_SOURCE[0]}")"
echo "generating stubs and compiling; the first time, Maven downloads libraries"
exec mvn --quiet --batch-mode compile exec:java
