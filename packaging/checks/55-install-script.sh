#!/usr/bin/env bash
# install.sh, from a server on this machine: it installs, updates and uninstalls, and refuses
# what is not what was published, with nothing left. In dash with the programs of this
# machine, and in a system that has nothing but busybox.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need shellcheck dash busybox ssh-keygen curl
as_root_with_own_mounts "$0"
case $(uname -m) in x86_64) arch=amd64 ;; *) arch=arm64 ;; esac
archive=mcp-login_${VERSION}_linux_$arch.tar.gz

shellcheck --shell=sh "$DIST/install.sh"
# A key of this check takes the place of the publisher's.
for name in ours another; do
  ssh-keygen -q -t ed25519 -N '' -C '' -f "$WORK/$name"
done
sed "s|^key=.*|key='$(cat "$WORK/ours.pub")'|" "$DIST/install.sh" >"$WORK/install.sh"

# serve makes a site with the release as it should be.
site=$WORK/site
serve() {
  find "$site" -mindepth 1 -delete
  mkdir -p "$site/latest/download" "$site/download/v$VERSION"
  cp "$DIST/SHA256SUMS" "$site/latest/download/"
  cp "$DIST/$archive" "$site/download/v$VERSION/"
  sign ours mcp-login-release
}

# sign KEY NAMESPACE signs what the site has.
sign() {
  rm -f "$site/latest/download/SHA256SUMS.sig"
  ssh-keygen -q -Y sign -f "$WORK/$1" -n "$2" "$site/latest/download/SHA256SUMS" 2>/dev/null
  cp "$site/latest/download"/* "$site/download/v$VERSION/"
}

mkdir -p "$site"
port=$(free_port)
busybox httpd -f -p 127.0.0.1:"$port" -h "$site" &
server=$!
trap 'kill $server' EXIT
wait_for $server listens "$port"
releases=http://127.0.0.1:$port

home=$WORK/person
mkdir -p "$home/.local/state/mcp-login"
echo mine >"$home/.local/state/mcp-login/of-a-person"
files() { find "$1" ! -type d | sort; }
files "$home" >"$WORK/before"

# run_script [FLAGS] runs the script in dash, for the person.
run_script() { env -i HOME="$home" PATH="$PATH" MCP_LOGIN_RELEASES="$releases" dash "$WORK/install.sh" "$@" >"$WORK/said" 2>&1; }
run_well() { run_script "$@" || { cat "$WORK/said" >&2; fail "install.sh $*"; }; }
said() { grep -qF -- "$1" "$WORK/said" || { cat "$WORK/said" >&2; fail "install.sh does not say: $1"; }; }
as_before() { files "$home" | diff "$WORK/before" - >&2 || fail "$1: other files than before"; }

# It installs, and again; what an older version had goes, and nothing that is not ours.
serve
run_well
said "The signature of"
said "export PATH=\"$home/.local/bin:"
for_the_channel install.sh "$home/.local/bin/mcp-login"
signin_below '' "$home/.local/bin/mcp-login"
files "$home" >"$WORK/installed"
list=$home/.local/share/mcp-login/files
touch "$home/.local/share/man/man1/mcp-login-old.1" "$home/.local/share/other" "$home/mcp-login"
printf '%s\n' share/man/man1/mcp-login-old.1 share/other share/../../mcp-login ../mcp-login >>"$list"
run_well --version "v$VERSION"
rm "$home/.local/share/other" "$home/mcp-login" || fail "an update removed what is not ours"
files "$home" | diff "$WORK/installed" - >&2 || fail "an update leaves other files than an installation"
run_well --uninstall
as_before "--uninstall"
[ ! -e "$home/.local/bin" ] || fail "--uninstall leaves empty folders"
run_script --uninstall && fail "there was nothing to uninstall"
said "has installed nothing"

# refused WORDS [FLAGS]: it ends with an error that says so, and nothing was installed.
refused() {
  run_script "${@:2}" && fail "not refused: $1"
  grep '^error: ' "$WORK/said" | grep -qF -- "$1" || { cat "$WORK/said" >&2; fail "the error does not say: $1"; }
  as_before "$1"
  serve
}
spoil() { printf 'x' | dd of="$1" bs=1 seek=1000 conv=notrunc status=none; }
spoil "$site/download/v$VERSION/$archive"
refused "is not the file that SHA256SUMS names"
truncate -s 1000000 "$site/download/v$VERSION/$archive"
refused "is not the file that SHA256SUMS names"
rm "$site/download/v$VERSION/$archive"
refused "$archive could not be downloaded"
spoil "$site/latest/download/SHA256SUMS"
refused "the signature of SHA256SUMS is not of"
sign another mcp-login-release
refused "the signature of SHA256SUMS is not of"
sign ours another-namespace
refused "the signature of SHA256SUMS is not of"
rm "$site/latest/download/SHA256SUMS.sig"
refused "SHA256SUMS.sig could not be downloaded"
sed -i "/$archive/d" "$site/latest/download/SHA256SUMS"
sign ours mcp-login-release
refused "SHA256SUMS does not name one archive"
truncate -s 300M "$site/latest/download/SHA256SUMS"
refused "SHA256SUMS could not be downloaded"
cp -r "$site/download/v$VERSION" "$site/download/v9.9.9"
refused "SHA256SUMS is of version $VERSION, not 9.9.9" --version 9.9.9
releases=http://example.invalid refused "is no https:// address"
releases=http://127.0.0.1:1 refused "could not be downloaded"
refused "is not an option" --help-me

# A program of somebody else stays, also one that is a link to nowhere.
mkdir -p "$home/.local/bin"
for make in "cp $WORK/before" "ln -s /nowhere"; do
  $make "$home/.local/bin/mcp-login"
  run_script && fail "another program is replaced"
  said "is there already, and not by this script"
  [ ! -e "$home/.local/share/mcp-login" ] || fail "something was installed beside another program"
  rm "$home/.local/bin/mcp-login" || fail "another program is gone"
done
rmdir "$home/.local/bin"

# What arrived in part does nothing.
for ((bytes = 200; bytes < $(wc -c <"$WORK/install.sh") - 12; bytes += 200)); do
  head -c $bytes "$WORK/install.sh" | env -i HOME="$home" PATH="$PATH" MCP_LOGIN_RELEASES="$releases" dash >/dev/null 2>&1 || true
  as_before "the first $bytes bytes of install.sh"
done

# A disk that is full, before the program is there or after it: no part of a file is left, and
# --uninstall takes the whole ones away.
mkdir "$home/small"
for size in 4m $(($(stat -c %s "$DIST/mcp-login_linux_${arch}_"*/mcp-login) / 1024 + 60))k; do
  mount -t tmpfs -o size="$size" none "$home/small"
  run_script --prefix "$home/small" && fail "$size are enough?"
  said "could not be written"
  [ -z "$(find "$home/small" -name '.mcp-login.*')" ] || fail "a full disk leaves a part of a file"
  run_well --prefix "$home/small" --uninstall
  as_before "a full disk, and --uninstall"
  umount "$home/small"
done
rmdir "$home/small"

# With nothing but busybox: no bash, no curl, and no ssh-keygen. It says so of what is published,
# and takes nothing from a mirror, which anybody can be.
tiny=$WORK/tiny
mkdir -p "$tiny"/{bin,dev,home,proc,tmp}
touch "$tiny/dev/null"
mount --bind /dev/null "$tiny/dev/null"
cp "$(command -v busybox)" "$tiny/bin/busybox"
busybox --list | grep -vx busybox | while read -r applet; do ln -sf busybox "$tiny/bin/$applet"; done
mount -t proc proc "$tiny/proc"
cp "$WORK/install.sh" "$tiny/"
there() { chroot "$tiny" /bin/env -i HOME=/home PATH=/bin "$@" >"$WORK/said" 2>&1; }
there_well() { there "$@" || { cat "$WORK/said" >&2; fail "with busybox: $*"; }; }
there MCP_LOGIN_RELEASES="$releases" sh install.sh && fail "a mirror is believed without a signature"
said "error: there is no ssh-keygen here, and only a signature tells whose files a mirror has"
[ -z "$(ls -A "$tiny/home")" ] || fail "with busybox: what was refused leaves files"
sed -i "s|^published=.*|published=$releases|" "$tiny/install.sh"
there_well sh install.sh
said "NOTE: there is no ssh-keygen here: only the checksum was compared"
said "NOTE: this wget may"
for_the_channel install.sh chroot "$tiny" /home/.local/bin/mcp-login
there_well sh install.sh --uninstall
truncate -s 300M "$site/latest/download/SHA256SUMS"
there sh install.sh && fail "with busybox 300 MB are taken"
said "SHA256SUMS could not be downloaded"
[ -z "$(ls -A "$tiny/home/.local")" ] || fail "with busybox --uninstall leaves files"

# As it is published, it knows the publisher's key, or says that it knows none.
serve
cp "$DIST/install.sh" "$WORK/install.sh"
. "$CLONE/packaging/publisher"
if [ -z "$SIGNING_KEY" ]; then
  run_well
  said "NOTE: this script knows no key: only the checksum was compared"
else
  refused "the signature of SHA256SUMS is not of $SIGNER"
fi
