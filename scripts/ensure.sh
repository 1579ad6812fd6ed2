#!/usr/bin/env bash
# Makes sure that tools are there: `ensure.sh NAME...` with cargo, c-compiler, libclang, rustfmt, clippy, chromium; with
# `browser`, whether there is a browser.
# Installs what it can, says what it does, and is silent when nothing is missing.
set -euo pipefail

fail() {
    echo "error: $*" >&2
    exit 1
}

has() {
    command -v "$1" >/dev/null 2>&1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif has sudo; then
        # Without a terminal there is nobody to type a password.
        if [ -t 0 ]; then sudo "$@"; else sudo -n "$@"; fi
    else
        fail "'$*' needs root rights, and there is no sudo; run it as root and try again"
    fi
}

apt_install() {
    has apt-get || fail "$1 is missing and this is not a Debian; install it and try again"
    echo "==> Installing $1 with apt-get"
    # Where nobody answers, it would try for many minutes.
    as_root timeout 120 apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1"
}

# What the bindings of RocksDB are generated with.
libclang() {
    # libclang-cpp is another library, which some systems have without libclang.
    ldconfig -p 2>/dev/null | grep -qE 'libclang(-[0-9.]+)?\.so' && return
    compgen -G '/usr/lib/llvm-*/lib/libclang.so*' >/dev/null && return
    compgen -G '/usr/lib/llvm-*/lib/libclang-[0-9]*.so*' >/dev/null && return
    [ -n "${LIBCLANG_PATH:-}" ] && return
    apt_install libclang-dev
}

# A component of the Rust toolchain; `cargo NAME --version` works when it is there.
rust_component() {
    local subcommand=$1 component=$2
    cargo "$subcommand" --version >/dev/null 2>&1 && return
    has rustup || fail "$component is missing; install it beside cargo (with rustup: rustup component add $component)"
    echo "==> Installing $component: rustup component add $component"
    rustup component add "$component" || fail "$component is missing and could not be installed; \`make demo\` works without"
}

# Whether there is a browser that runs: some systems have a file of that name which only says where to get one.
browser() {
    local name
    for name in chromium chromium-browser google-chrome; do
        # Past the function of that name below.
        command "$name" --version >/dev/null 2>&1 && return
    done
    return 1
}

# The browser that looks at the page of the monitor. Without one, the tests that need it are skipped, which is said here and
# before the tests.
chromium() {
    browser && return
    (apt_install chromium) && browser || echo "==> Chromium is missing and could not be installed: the tests of the page in a browser are skipped"
}

for name in "$@"; do
    case $name in
        cargo) has cargo || fail "cargo is missing; install the Rust toolchain from https://rustup.rs" ;;
        # The allocator of the binaries, mimalloc, is C; RocksDB is C++.
        c-compiler) has c++ || apt_install build-essential ;;
        libclang) libclang ;;
        rustfmt) rust_component fmt rustfmt ;;
        clippy) rust_component clippy clippy ;;
        chromium) chromium ;;
        # Asked only, nothing is installed: whether there is one.
        browser) browser || exit 1 ;;
        *) fail "ensure.sh does not know '$name'" ;;
    esac
done
