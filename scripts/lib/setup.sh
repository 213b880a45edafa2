# What scripts/test and scripts/demo share; to be sourced. Ends the script on the first failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

packages_build=(
  cmake ninja-build gcc g++ pkg-config
  libkissfft-dev libjansson-dev libsndfile1-dev libebur128-dev libopenblas-dev libplplot-dev
)
packages_test=(
  libgtest-dev libboost-context-dev binutils clang-format python3-numpy python3-pytest
)
packages_sanitize=(clang libclang-rt-14-dev valgrind)

# say WORDS...: a heading of the script's own, apart from the output of the tools.
say() { printf '\n== %s\n' "$*"; }

# as_root COMMAND...: through sudo where this is not root.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "This needs root, and there is no sudo. As root, run: $*" >&2
    return 1
  fi
}

# need_packages NAME...: installs the Debian packages of these names that are missing.
need_packages() {
  local missing=() name
  if ! command -v dpkg-query >/dev/null; then
    echo "Not a Debian system: make sure that what these packages hold is installed: $*"
    return
  fi
  for name in "$@"; do
    dpkg-query -W -f '${db:Status-Abbrev}' "$name" 2>/dev/null | grep -q '^.i' || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "Installing Debian packages: ${missing[*]}"
  as_root apt-get -q update
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -q install -y --no-install-recommends "${missing[@]}"
}

# build PRESET [CMAKE OPTION...]: configures and builds build/PRESET.
build() {
  local preset=$1
  shift
  say "Building build/$preset"
  if command -v ccache >/dev/null; then
    export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache
  fi
  cmake --preset "$preset" "$@" --log-level=WARNING >/dev/null
  cmake --build --preset "$preset" --parallel "$(nproc)"
}
