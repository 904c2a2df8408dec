#!/bin/sh
# Installs mcp-login for the person who runs it, on Linux and macOS:
#
#   curl -fsSL {{.Get "REPOSITORY"}}/releases/latest/download/install.sh | sh
#
# Run it again to update. It takes the archive of this system from the release, compares
# it with the SHA256SUMS there, and those with their signature. Nothing is put into its
# place before that. It asks for no password and never becomes root.
#
#   --version VERSION   a release other than the newest
#   --prefix FOLDER     where to, instead of ~/.local
#   --uninstall         take the program's files away again
#
# MCP_LOGIN_RELEASES is where releases are, if not at GitHub (a mirror: its files have to
# be signed by the same key).
set -eu
umask 022
# An answer that does not end must not fill the disk: no file gets larger than 100 MB. A
# program that is not ended for it says so, and dumps no core.
trap '' XFSZ
ulimit -f 200000

published='{{.Get "REPOSITORY"}}/releases'
releases=${MCP_LOGIN_RELEASES:-$published}
signer='{{.Get "SIGNER"}}'
key='{{.Get "SIGNING_KEY"}}'

say() { printf '%s\n' "$*" >&2; }

# fail says what is wrong and, with a second argument, what to do.
fail() {
  say "error: $1"
  if [ $# -gt 1 ]; then say "hint: $2"; fi
  exit 1
}

# fetch downloads a file of the releases, or fails. http is for a server on this machine.
fetch() {
  case $releases in
    https://*) secure='--proto =https --tlsv1.2' ;;
    http://127.0.0.1:* | http://localhost:*) secure= ;;
    *) fail "$releases is no https:// address" ;;
  esac
  if command -v curl >/dev/null; then
    # shellcheck disable=SC2086 # the options are words of their own
    curl -fsSL $secure --retry 2 --connect-timeout 20 --max-time 600 -o "$2" "$releases/$1"
  elif command -v wget >/dev/null; then
    wget -q -O "$2" "$releases/$1" # waits 15 minutes; Debian's busybox crashes at -T
  else
    fail "neither curl nor wget is here" "install curl"
  fi || fail "$releases/$1 could not be downloaded" "see whether that address opens in a browser"
}

# system prints the name of this system in the names of archives.
system() {
  case $(uname -s) in
    Darwin) printf 'darwin_universal\n'; return ;;
    Linux) os=linux ;;
    *) fail "there is no archive for $(uname -s)" "on Windows use Scoop or winget; elsewhere: go install" ;;
  esac
  case $(uname -m) in
    x86_64 | amd64) printf '%s_amd64\n' "$os" ;;
    aarch64 | arm64) printf '%s_arm64\n' "$os" ;;
    *) fail "there is no archive for a processor called $(uname -m)" "build it: go install" ;;
  esac
}

# checksum prints the SHA-256 of a file, and its name.
checksum() {
  if command -v sha256sum >/dev/null; then
    sha256sum "$1"
  elif command -v shasum >/dev/null; then
    shasum -a 256 "$1"
  else
    fail "neither sha256sum nor shasum is here, so that the download cannot be checked" "install coreutils"
  fi
}

# verify_sums holds SHA256SUMS against its signature. Where there is nothing to do that
# with it says so: then the checksum only shows that the download is whole, and https whose
# it is. That is too little for a mirror.
verify_sums() {
  if [ -z "$key" ]; then
    why="this script knows no key"
  elif ! command -v ssh-keygen >/dev/null; then
    why="there is no ssh-keygen here"
  elif ssh-keygen -Y verify 2>&1 </dev/null | grep -q 'option -- Y'; then
    why="the ssh-keygen here is older than OpenSSH 8.2"
  else
    fetch "$1/SHA256SUMS.sig" "$work/SHA256SUMS.sig"
    printf '%s namespaces="mcp-login-release" %s\n' "$signer" "$key" >"$work/allowed_signers"
    ssh-keygen -Y verify -f "$work/allowed_signers" -I "$signer" -n mcp-login-release -s "$work/SHA256SUMS.sig" \
      <"$work/SHA256SUMS" >/dev/null 2>&1 ||
      fail "the signature of SHA256SUMS is not of $signer; nothing was installed" "do not use these files, and tell the maintainers"
    say "The signature of $signer is good."
    return
  fi
  [ -z "$key" ] || [ "$releases" = "$published" ] ||
    fail "$why, and only a signature tells whose files a mirror has; nothing was installed" "install OpenSSH 8.2 or newer"
  say "NOTE: $why: only the checksum was compared, and not who made it."
  command -v curl >/dev/null || say "NOTE: this wget may not have checked either who has answered. curl does."
}

# download leaves the checked content of the archive in $work/content.
download() {
  if [ -n "$version" ]; then from=download/v$version; else from=latest/download; fi
  fetch "$from/SHA256SUMS" "$work/SHA256SUMS"
  verify_sums "$from"
  archive=$(sed -n "s/^[0-9a-f]\{64\}  \(mcp-login_[0-9A-Za-z.+-]*_$system\.tar\.gz\)\$/\1/p" "$work/SHA256SUMS")
  named=${archive#mcp-login_}
  named=${named%"_$system.tar.gz"}
  case $named in
    '' | *[!0-9A-Za-z.+-]*) fail "SHA256SUMS does not name one archive for $system; nothing was installed" ;;
  esac
  [ "$named" = "${version:-$named}" ] || fail "SHA256SUMS is of version $named, not $version; nothing was installed"
  version=$named
  fetch "download/v$version/$archive" "$work/$archive"
  sum=$(checksum "$work/$archive")
  grep -qxF "${sum%% *}  $archive" "$work/SHA256SUMS" ||
    fail "$archive is not the file that SHA256SUMS names; nothing was installed" "try again; if it stays, tell the maintainers"
  mkdir "$work/unpacked"
  tar -xzf "$work/$archive" -C "$work/unpacked"
  mv "$work/unpacked/mcp-login_${version}_$system" "$work/content"
}

# put copies a file to a place below the prefix, whole or not at all. The list names it before
# it is there, so that --uninstall knows also what a full disk has cut short.
put() {
  to=$prefix/$2
  partial=${to%/*}/.mcp-login.$$
  printf '%s\n' "$2" >>"$work/files"
  {
    mkdir -p "$prefix/${list%/*}" "${to%/*}" && printf '%s\n' "$2" >>"$prefix/$list" &&
      cp "$1" "$partial" && chmod "$3" "$partial" && mv -f "$partial" "$to"
  } || fail "$to could not be written" "make room or ask for the right to write there; --uninstall takes away what has come so far"
}

# not_anothers ends an installation where a program is that this script has not put there.
not_anothers() {
  program=$prefix/bin/mcp-login
  if [ -e "$program" ] || [ -L "$program" ]; then
    grep -qxF bin/mcp-login "$prefix/$list" 2>/dev/null ||
      fail "$program is there already, and not by this script; nothing was installed" "move it away and run this again, or choose another place with --prefix FOLDER"
  fi
}

# install_files puts the program into its place, and after it what goes with it.
install_files() {
  put "$work/content/mcp-login" bin/mcp-login 755
  for page in "$work"/content/man/*.[17]; do
    put "$page" "share/man/man${page##*.}/${page##*/}" 644
  done
  put "$work/content/completions/mcp-login.bash" share/bash-completion/completions/mcp-login 644
  put "$work/content/completions/mcp-login.zsh" share/zsh/site-functions/_mcp-login 644
  put "$work/content/completions/mcp-login.fish" share/fish/vendor_completions.d/mcp-login.fish 644
  printf 'install.sh\n' >"$work/channel"
  put "$work/channel" share/mcp-login/channel 644
  # What an older version had and this one has not goes away.
  cp "$prefix/$list" "$work/before"
  put "$work/files" "$list" 644
  grep -vxFf "$work/files" "$work/before" | remove_files
}

# remove_files removes what is named on its input, if this script can have put it there,
# and folders that are empty then.
remove_files() {
  while IFS= read -r file; do
    case $file in
      *..*) ;;
      bin/mcp-login | share/*mcp-login*)
        rm -f "$prefix/$file"
        (cd "$prefix" && rmdir -p "${file%/*}" 2>/dev/null) || true
        ;;
    esac
  done
}

uninstall() {
  [ -f "$prefix/$list" ] || fail "this script has installed nothing in $prefix" "where it was installed says: command -v mcp-login"
  cp "$prefix/$list" "$work/files"
  printf '%s\n' "$list" >>"$work/files"
  remove_files <"$work/files"
  say "mcp-login is removed from $prefix. Logins and the entries of clients were left as they are:"
  say "\`mcp-login uninstall\` is for those; install it again if you want to use it."
}

# advice says what keeps a shell from finding the program.
advice() {
  case :$PATH: in
    *":$prefix/bin:"*)
      found=$(command -v mcp-login || true)
      [ "$found" = "$prefix/bin/mcp-login" ] || say "NOTE: your shell finds another one first: $found"
      ;;
    *)
      say "Your shell does not look into $prefix/bin. Add this line to its profile (~/.profile, ~/.zprofile):"
      say "  export PATH=\"$prefix/bin:\$PATH\""
      ;;
  esac
}

main() {
  version='' prefix='' action=install
  while [ $# -gt 0 ]; do
    case $1 in
      --uninstall) action=uninstall ;;
      --version | --prefix)
        [ $# -gt 1 ] || fail "$1 needs a value"
        if [ "$1" = --version ]; then version=${2#v}; else prefix=$2; fi
        shift
        ;;
      *) fail "$1 is not an option" "--version VERSION, --prefix FOLDER or --uninstall" ;;
    esac
    shift
  done
  case $version in *[!0-9A-Za-z.+-]*) fail "$version is no version" "such as --version 1.2.3" ;; esac
  prefix=${prefix:-${HOME:?}/.local}
  case $prefix in /*) ;; *) prefix=$(pwd)/$prefix ;; esac
  list=share/mcp-login/files
  work=$(mktemp -d)
  partial=$work/partial
  trap 'rm -rf "$work" "$partial"' EXIT
  trap 'exit 130' INT TERM HUP
  if [ "$action" = uninstall ]; then
    uninstall
    return
  fi
  not_anothers
  system=$(system)
  download
  install_files
  say "mcp-login $version is in $prefix/bin. Run \`mcp-login help\` to begin."
  advice
}

# The whole script has arrived before anything of it is run.
main "$@"
