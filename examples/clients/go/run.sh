#!/bin/sh
# Generates the stubs, builds the program and runs it. Needs CATALOG_ADDRESS, CATALOG_TOKEN, go, and buf in the PATH.
set -eu
cd "$(dirname "$0")"
# The set holds imports as well, which Go modules provide: only the catalog's own files are generated.
buf generate ../../../generated/dashboardcatalog/v1/descriptors.binpb --path dashboardcatalog
go build -o bin/example .
exec bin/example
