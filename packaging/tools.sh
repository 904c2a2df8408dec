# shellcheck shell=bash
# Sourced by the scripts of this folder: what they need of other programs, and in which
# version. A program that is missing is installed, so that nothing is passed over for want
# of it.

say() { printf '%s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# as_root COMMAND... runs it as root, with the caller's variables.
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo --preserve-env "$@"; fi; }

# Programs in Go, with the version that was tried. goreleaser v2.17 needs a module that not
# every proxy has.
go_tool() {
  case $1 in
    goreleaser) echo github.com/goreleaser/goreleaser/v2@v2.16.0 ;;
    cyclonedx-gomod) echo github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0 ;;
    go-winres) echo github.com/tc-hib/go-winres@v0.3.3 ;;
    actionlint) echo github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 ;;
    *) return 1 ;;
  esac
}

# deb_package is the Debian package that a program is in.
deb_package() {
  case $1 in
    bsdtar) echo libarchive-tools ;;
    bwrap) echo bubblewrap ;;
    node) echo nodejs ;;
    busybox) echo busybox-static ;;
    gpg) echo gnupg ;;
    systemd-socket-activate) echo systemd ;;
    pacman) echo pacman-package-manager ;;
    diffoscope) echo diffoscope-minimal ;;
    rpm2archive) echo rpm ;;
    ssh-keygen) echo openssh-client ;;
    xz) echo xz-utils ;;
    *) echo "$1" ;;
  esac
}

# usable TOOL: it is here. Debian has a busybox that needs libraries too, and is of no use where
# there is nothing else.
usable() { command -v "$1" >/dev/null && { [ "$1" != busybox ] || ! ldd "$(command -v busybox)" >/dev/null 2>&1; }; }

# need TOOL... sees to it that each of them can be called, in the version above. What is
# said goes to stderr: stdout is the caller's.
need() {
  local tool module debs=()
  for tool; do
    if module=$(go_tool "$tool"); then
      # The flags and the system that the caller builds for are not those of tools.
      go version -m "$(command -v "$tool")" 2>/dev/null | grep -q "mod.*${module##*@}" ||
        GOFLAGS='' CGO_ENABLED=0 GOOS='' GOARCH='' GOBIN=$tools go install "$module" >&2 || fail "$module cannot be installed"
    elif ! usable "$tool"; then
      debs+=("$(deb_package "$tool")")
    fi
  done
  [ ${#debs[@]} -gt 0 ] || return 0
  say "apt-get install ${debs[*]}" >&2
  as_root apt-get update -qq >&2
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${debs[@]}" >/dev/null || fail "${debs[*]} cannot be installed"
  for tool; do
    usable "$tool" || fail "$tool is missing although its package is installed"
  done
}

# Nobody's own tools are replaced; they are used if they are of the right version.
tools=${XDG_CACHE_HOME:-$HOME/.cache}/mcp-login-packaging
PATH=$tools:$PATH:$(go env GOPATH)/bin
export PATH
