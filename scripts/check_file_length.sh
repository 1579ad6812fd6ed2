#!/usr/bin/env bash
# Fails when a Rust file has more lines of code than a reader can take in, and names each of them.
# Blank lines and comments do not count: nobody should save on those.
set -euo pipefail

limit=400
cd "$(dirname "$0")/.."

find . -type d \( -name target -o -name '.?*' \) -prune -o -name '*.rs' -print0 | sort -z | xargs -0 awk -v limit="$limit" '
    FNR == 1 { file_count += 1 }
    !/^[[:space:]]*($|\/\/)/ { lines[FILENAME] += 1 }
    END {
        for (file in lines) if (lines[file] > limit) {
            printf "%s: %d lines of code, at most %d are allowed; split it by subject\n", file, lines[file], limit
            failed = 1
        }
        if (!failed) printf "%d files, none over %d lines of code\n", file_count, limit
        exit failed
    }
'
