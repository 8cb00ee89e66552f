#!/usr/bin/env bash
# Generates the stubs, compiles the example and runs it against CATALOG_ADDRESS (HOST:PORT) with CATALOG_TOKEN.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

npm install --loglevel=error >/dev/null
npm run --silent generate
npm run --silent build
exec node dist/src/main.js
