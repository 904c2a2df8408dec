#!/usr/bin/env bash
# The list of components of each program is what Go has linked, and Go's own library.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need node
cd "$WORK"

# components FILE: name and version of each in a CycloneDX document.
components() {
  node -e 'const b = JSON.parse(require("fs").readFileSync(process.argv[1]));
    if (b.bomFormat !== "CycloneDX" || b.specVersion !== "1.6" || b.serialNumber || b.metadata.timestamp) throw Error("not as asked for");
    for (const c of b.components) console.log(c.name, c.version)' "$1" | sort
}

# linked FILE: the same, as the go command reads it from the program.
linked() {
  go version -m "$1" | awk -F'\t' '$2 == "dep" { print $3, $4 } NR == 1 { split($0, w, ": "); print "std", w[2] }' | sort
}

for program in mcp-login whoami-server; do
  for os in linux darwin windows; do
    for arch in amd64_v1 arm64_v8.0; do
      exe=$program
      [ $os != windows ] || exe=$program.exe
      bom=$DIST/${program}_${VERSION}_${os}_${arch%%_*}.cdx.json
      components "$bom" >listed.txt
      linked "$DIST/${program}_${os}_$arch/$exe" >linked.txt
      diff listed.txt linked.txt >&2 || fail "${bom##*/} is not what was linked"
      grep -qF "$(basename "$bom")" "$DIST/SHA256SUMS" || fail "${bom##*/} is not in SHA256SUMS"
    done
  done
  say "$program: $(wc -l <listed.txt) components"
done
