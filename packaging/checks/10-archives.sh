#!/usr/bin/env bash
# Each archive holds the program that its name says, made from this commit, with its
# completions, pages and notices; those for this machine run.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need unzip go-winres goreleaser
cd "$WORK"
. "$CLONE/packaging/publisher"
commit=$(sed -n 's/.*"commit":"\([0-9a-f]*\)".*/\1/p' "$DIST/metadata.json")
feed="https://api.github.com/repos/${REPOSITORY#https://github.com/}/releases/latest"

(cd "$CLONE" && goreleaser check --quiet) || fail "goreleaser says that .goreleaser.yaml is not good, or out of date"

# stamped PROGRAM OS ARCH: what Go says of it.
stamped() {
  local name=${1#"$DIST/"} want
  for want in "mod.*	v$VERSION	*" "build	GOOS=$2" "build	GOARCH=$3" 'build	CGO_ENABLED=0' 'build	-trimpath=true' \
    "build	vcs.revision=$commit" 'build	vcs.modified=false'; do
    go version -m "$1" | grep -qE "^	$want\$" || fail "$name: Go has not stamped it with $want"
  done
  grep -qaF "$feed" "$1" || fail "$name does not have the address of the release feed"
}

# half OFFSET SIZE FILE is a part of a universal program.
half() { head -c $(($1 + $2)) "$3" | tail -c "$2"; }

# halves FILE PROGRAM: a universal program is the two others in one.
halves() {
  local numbers i arch
  read -ra numbers < <(od -An -v -tu4 --endian=big -w48 -N48 "$1") # magic, how many, then five numbers for each
  [ "${numbers[1]}" = 2 ] || fail "$1 has ${numbers[1]} halves"
  for i in 2 7; do
    case ${numbers[i]} in 16777223) arch=amd64_v1 ;; 16777228) arch=arm64_v8.0 ;; *) fail "$1: a half for ${numbers[i]}" ;; esac
    half "${numbers[i + 2]}" "${numbers[i + 3]}" "$1" | cmp - "$DIST/$2_darwin_$arch/$2" || fail "$1: its half for $arch is another program"
  done
}

# resource PROGRAM: Windows shows the version of the release.
resource() {
  rm -rf winres
  go-winres extract "$1" >&2
  grep -q "\"ProductVersion\": \"$VERSION\"" winres/winres.json || fail "$1 shows another version in Windows"
}

archives=0
for program in mcp-login whoami-server; do
  page=man/$program.1
  [ $program = mcp-login ] || page=man/$program.8
  for os in linux darwin windows; do
    for arch in amd64 arm64 universal; do
      name=${program}_${VERSION}_${os}_$arch
      case $os/$arch in
        darwin/universal) built=$DIST/$program-universal_darwin_all/$program ;;
        */universal) continue ;;
        */amd64) built=$DIST/${program}_${os}_amd64_v1/$program ;;
        */arm64) built=$DIST/${program}_${os}_arm64_v8.0/$program ;;
      esac
      if [ $os = windows ]; then
        built=$built.exe
        unzip -q "$DIST/$name.zip"
        resource "$built"
      else
        tar -xf "$DIST/$name.tar.gz"
      fi
      if [ $arch = universal ]; then halves "$built" $program; else stamped "$built" $os $arch; fi
      for file in LICENSE THIRD_PARTY_NOTICES.txt $page; do
        [ -s "$name/$file" ] || fail "$name has no $file"
      done
      archives=$((archives + 1))
    done
  done
done

case $(uname -m) in x86_64) arch=amd64 ;; aarch64) arch=arm64 ;; *) fail "there is no release for $(uname -m)" ;; esac
for program in mcp-login whoami-server; do
  got=$("${program}_${VERSION}_linux_$arch/$program" version --json)
  [[ $got == *"\"v$VERSION\""* ]] || fail "$program says $got"
done

tar -xf "$DIST/mcp-login_${VERSION}_source.tar.gz"
(cd "mcp-login_${VERSION}_source" && find . -type f -o -type l | sort) >source
git -C "$CLONE" ls-tree -r --name-only "$commit" | sed 's|^|./|' | sort | diff - source >&2 || fail "the source archive is not the commit"
[ "$(find "$DIST" -maxdepth 1 -name "*_*.tar.gz" -o -maxdepth 1 -name "*.zip" | wc -l)" = $((archives + 1)) ] || fail "there are archives that nothing has looked at"
say "$archives archives and the source"
