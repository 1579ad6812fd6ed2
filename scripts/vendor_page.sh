#!/usr/bin/env bash
# Fetches from npm the files of the page that were not written here, in the version and with the hash that the lock file has:
# `vendor_page.sh` puts them into their folder and records their hashes, `vendor_page.sh --check` says whether they are there as they
# are in the package.
set -euo pipefail

cd "$(dirname "$0")/../monitor/assets/vendor"
command -v npm >/dev/null || { echo "error: npm is missing; install it and try again" >&2; exit 1; }

fetched=$(mktemp -d)
trap 'rm -rf "$fetched"' EXIT
cp package.json package-lock.json .npmrc "$fetched"
# What has another hash than the lock file says is refused.
(cd "$fetched" && npm ci --silent)

package=$fetched/node_modules/uplot
mkdir "$fetched/files"
install -m 644 "$package/dist/uPlot.iife.min.js" "$package/dist/uPlot.min.css" "$fetched/files"
install -m 644 "$package/LICENSE" "$fetched/files/uPlot.LICENSE"
(cd "$fetched/files" && LC_ALL=C sha256sum uPlot.* >SHA256SUMS)

case ${1:-} in
    --check)
        for file in "$fetched"/files/*; do
            cmp "$file" "$(basename "$file")"
        done
        echo "the files are those of the package"
        ;;
    '')
        install -m 644 "$fetched"/files/* .
        ls -l uPlot.*
        ;;
    *)
        echo "usage: vendor_page.sh [--check]" >&2
        exit 2
        ;;
esac
