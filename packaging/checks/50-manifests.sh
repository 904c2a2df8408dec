#!/usr/bin/env bash
# The manifests of Homebrew, Scoop, winget and the AUR name what there is: files of the
# release with their sums, and files in these. The PKGBUILD is built and the formula
# installed; Scoop and winget run on Windows only.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need ruby unzip makepkg bsdtar pacman zstd
. "$CLONE/packaging/publisher"
cd "$DIST/manifests"

# of_the_release reads lines as sha256sum writes them, and holds them against the release.
of_the_release() {
  local lines
  lines=$(cat)
  [ "$(wc -l <<<"$lines")" -ge "$2" ] || fail "$1 names fewer files than $2"
  (cd "$DIST" && sha256sum --check --strict --quiet - <<<"$lines") || fail "$1 is of other files"
  while read -r line; do
    grep -qxF "$line" "$DIST/SHA256SUMS" || fail "$1: not in SHA256SUMS: $line"
  done <<<"$lines"
}

# Homebrew: for each system the archive, and what is installed from it.
for system in "macos arm darwin_universal" "linux intel linux_amd64" "linux arm linux_arm64"; do
  read -r os processor name <<<"$system"
  tar -xzf "$DIST/mcp-login_${VERSION}_$name.tar.gz" -C "$WORK"
  (cd "$WORK/mcp-login_${VERSION}_$name" &&
    ruby "$CLONE/packaging/checks/formula.rb" "$DIST/manifests/homebrew/mcp-login.rb" "$os" "$processor" "$WORK/$name") >"$WORK/named" ||
    fail "the formula does not install on $system"
  grep -qF "mcp-login_${VERSION}_$name.tar.gz" "$WORK/named" || fail "the formula wants another archive on $system"
  of_the_release "the formula" 1 <"$WORK/named"
done
case $(uname -m) in x86_64) arch=amd64 ;; *) arch=arm64 ;; esac
for_the_channel homebrew "$WORK/linux_$arch/bin/mcp-login"

# AUR: makepkg builds it, with the archive at hand; pacman installs that.
aur=$(mktemp -d)
trap 'rm -rf "$aur"' EXIT
cp aur/PKGBUILD "$DIST/mcp-login_${VERSION}_linux_$arch.tar.gz" "$aur/"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$aur"
# makepkg_there runs makepkg, which refuses to be root.
makepkg_there() {
  local who=()
  [ "$(id -u)" != 0 ] || who=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  (cd "$aur" && "${who[@]}" env HOME="$aur" PKGEXT=.pkg.tar makepkg "$@") 2>"$WORK/makepkg.log" || { cat "$WORK/makepkg.log" >&2; fail "makepkg $*"; }
}
makepkg_there --printsrcinfo | diff - aur/.SRCINFO >&2 || fail ".SRCINFO is not that of the PKGBUILD"
sed -n 's/^\tsource_.*\///p; s/^\tsha256sums_.* = //p' aur/.SRCINFO | paste - - | sed 's/\(.*\)\t\(.*\)/\2  \1/' | of_the_release "the PKGBUILD" 2
# shellcheck source=/dev/null
pkgver=$(. aur/PKGBUILD && printf %s "$pkgver")
[ "$(vercmp "$pkgver" 0.0.0)" = -1 ] || fail "pacman takes the pre-release $pkgver for newer than 0.0.0"
makepkg_there --nodeps >/dev/null
mkdir "$WORK/system"
tar -xf "$aur"/*.pkg.tar -C "$WORK/system"
for_the_channel aur "$WORK/system/usr/bin/mcp-login"
places() { tar -tf "$1" | grep -E '^usr/.*[^/]$' | sed 's,licenses/mcp-login-bin,licenses/mcp-login,' | sort; }
places "$DIST/mcp-login_$arch.pkg.tar.zst" | diff - <(places "$aur"/*.pkg.tar) >&2 || fail "the PKGBUILD installs other files than the package for Arch"

# Scoop and winget: what they read, and that the program is where they say in the archives.
ruby -rjson - scoop/mcp-login.json "$VERSION" >"$WORK/scoop" <<'EOF'
said, version = JSON.parse(File.read(ARGV[0])), ARGV[1]
raise "another version" unless said["version"] == version
said["architecture"].each do |name, now|
  later = said["autoupdate"]["architecture"].fetch(name)
  %w[url extract_dir].each { |word| raise "#{name}: #{word}" unless later[word].gsub("$version", version) == now[word] }
  puts "#{now["hash"]}  #{File.basename(now["url"])} #{now["extract_dir"]}/#{said["bin"]}"
end
EOF
ruby -ryaml -rdate - winget/"$WINGET_ID" "$VERSION" >"$WORK/winget" <<'EOF'
read = ->(name) { YAML.safe_load(File.read(ARGV[0] + name), permitted_classes: [Date]) }
parts = { "version" => read.(".yaml"), "installer" => read.(".installer.yaml"), "defaultLocale" => read.(".locale.en-US.yaml") }
parts.each do |type, said|
  wanted = { "PackageIdentifier" => File.basename(ARGV[0]), "PackageVersion" => ARGV[1], "ManifestType" => type, "ManifestVersion" => "1.12.0" }
  raise "#{type}: #{said.slice(*wanted.keys)}" unless said.slice(*wanted.keys) == wanted
end
parts["installer"]["Installers"].each do |one|
  file = one["NestedInstallerFiles"].fetch(0)
  raise "another command" unless [file["PortableCommandAlias"]] == parts["installer"]["Commands"]
  puts "#{one["InstallerSha256"]}  #{File.basename(one["InstallerUrl"])} #{file["RelativeFilePath"].tr("\\", "/")}"
end
EOF
for client in scoop winget; do
  cut -d ' ' -f 1-3 "$WORK/$client" | of_the_release "the manifest of $client" 2
  while read -r _ name path; do
    unzip -Z1 "$DIST/$name" | grep -qxF "$path" || fail "$client: there is no $path in $name"
  done <"$WORK/$client"
done

# What the pages let people download is there.
grep -o 'latest/download/[A-Za-z0-9._-]*' "$CLONE"/docs/{install,server}.md "$CLONE/README.md" | sed 's,.*/,,' | sort -u | while read -r name; do
  [ -e "$DIST/$name" ] || fail "the pages name $name, which is not part of the release"
done
# All that is downloaded comes from the one publisher.
! grep -rEho 'https://[^" )]*' . | grep -vE "^($REPOSITORY|https://aka\.ms/winget-manifest)" >&2 || fail "a manifest names another place than $REPOSITORY"
