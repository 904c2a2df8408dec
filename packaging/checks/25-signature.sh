#!/usr/bin/env bash
# Whoever does what docs/install.md says about verifying a download notices each file that
# was changed, and checksums that are not those of the signer. The key is made here and
# thrown away.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need ssh-keygen
cd "$WORK"
. "$CLONE/packaging/publisher"
for key in ours theirs; do ssh-keygen -q -t ed25519 -N '' -C "$key" -f $key; done
public=$(cut -d ' ' -f 1,2 ours.pub)
cp -r "$CLONE/packaging" .
sed -i "s|^SIGNING_KEY=.*|SIGNING_KEY=\"$public\"|" packaging/publisher
! RELEASE_SIGNING_KEY=$(cat theirs) packaging/sign "$DIST" 2>/dev/null || fail "another key than the publisher's is taken"
RELEASE_SIGNING_KEY=$(cat ours) packaging/sign "$DIST"

# block N: the commands of that block of the section, as they stand in the page.
block() {
  sed -n '/^## Verify a download/,/^## /p' "$CLONE/docs/install.md" |
    awk -v n="$1" '/^```/ { if ($0 == "```sh") i++; inside = $0 == "```sh"; next } inside && i == n'
}

# The first writes who may sign, with the key of the publisher; here it is ours.
block 1 | sed "s|${SIGNING_KEY:-KEY}|$public|" >allow
bash allow
grep -qF "$public" allowed_signers || fail "docs/install.md does not say who may sign"

# verified FILE does the second block in the folder files, for a file that is there.
verified() {
  (cd files && block 2 | sed "s|^file=.*|file=$1|" | bash) >said 2>&1
}

# noticed WHAT FILE: it must not verify.
noticed() {
  ! verified "$2" || fail "$1 is not noticed for $2: $(cat said)"
  count=$((count + 1))
}

# signed KEY NAMESPACE signs the checksums again.
signed() { ssh-keygen -q -Y sign -n "$2" -f "$1" - <files/SHA256SUMS >files/SHA256SUMS.sig; }

mkdir files
ln -s ../allowed_signers files/
ln -s "$DIST"/SHA256SUMS* files/
count=0
while read -r _ name; do
  ln -s "$DIST/$name" files/
  verified "$name" || fail "$name does not verify: $(cat said)"
  rm "files/$name"
  noticed "that the file is missing" "$name"
  cp "$DIST/$name" files/
  # Another byte in the middle: the length stays.
  middle=$(($(stat -c %s "files/$name") / 2))
  byte=$(od -An -tu1 -j $middle -N1 "files/$name")
  # shellcheck disable=SC2059 # the format is the byte
  printf "\\x$(printf %02x $((byte ^ 1)))" | dd of="files/$name" bs=1 seek=$middle conv=notrunc status=none
  noticed "a changed byte" "$name"
  changed=$name
  mv "files/$name" changed
done <"$DIST/SHA256SUMS"

# Sums that fit the changed file, with the signature of the right ones, and with others.
mv changed "files/$changed"
rm files/SHA256SUMS*
sed "s|^[0-9a-f]*  $changed\$|$(sha256sum "files/$changed" | cut -d ' ' -f 1)  $changed|" "$DIST/SHA256SUMS" >files/SHA256SUMS
cp "$DIST/SHA256SUMS.sig" files/
noticed "a changed checksum" "$changed"
signed theirs mcp-login-release
noticed "the signature of another key" "$changed"
signed ours file
noticed "a signature for another purpose" "$changed"
rm files/SHA256SUMS.sig
noticed "that there is no signature" "$changed"
grep -v "  $changed\$" "$DIST/SHA256SUMS" >files/SHA256SUMS
signed ours mcp-login-release
noticed "that no checksum is signed" "$changed"
say "$(wc -l <"$DIST/SHA256SUMS") files verify; $count changes were noticed"
