#!/usr/bin/env bash
# The npm packages: published to a registry on loopback by what the release calls, then
# used from there as people do, with Node 20, and with Node 24, which lets the program take
# the place of the process that started it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$CLONE"
checks=$CLONE/packaging/checks
package=mcp-login@$VERSION
arch=$(node -p process.arch)
npm install --prefix "$WORK/tools" --loglevel=error --no-audit --no-fund --ignore-scripts "node20@npm:node-linux-$arch@20.20.2" \
  "node24@npm:node-linux-$arch@24.21.0" publint@0.3.25 cmd-shim@8.0.0 pnpm@10.34.8 @yarnpkg/cli-dist@4.18.1 "@oven/bun-linux-${arch/arm64/aarch64}@1.4.5" >/dev/null
tools=$WORK/tools/node_modules
mkdir "$tools"/node2{0,4}/lib # where npm 10 looks for global packages
go build -o "$WORK/" ./packaging/npm ./packaging/npmregistry

# tree writes the packages and says what is in them; they must not depend on the umask.
tree() {
  "$WORK/npm" "$DIST"
  (cd "$DIST/npm" && find . -type f -printf '%m %p\n' -exec sha256sum {} + | sort)
}
tree >"$WORK/first"
(umask 077; tree) | diff "$WORK/first" - || fail "written twice, the packages differ"
for folder in "$DIST"/npm/*; do
  "$tools/.bin/publint" --strict --pack false "$folder" | grep -q 'All good' || fail "publint has something to say about $folder"
  [ -s "$folder/LICENSE" ] || fail "$folder has no licence"
  ! grep -q '"scripts"' "$folder/package.json" || fail "$folder has scripts"
done

"$WORK/npmregistry" "$WORK/address" >>"$WORK/fetched" &
trap 'kill %1' EXIT
wait_for $! test -s "$WORK/address"
registry=$(cat "$WORK/address")
npm pack --dry-run --json "$DIST"/npm/*/ >"$WORK/packed.json" 2>"$WORK/packing" & # while npm publishes
packing=$!

# person runs a command as somebody who has nothing but Node and a home, which fresh empties.
person() {
  (cd "$home" && env -i PATH="$node$PATH" HOME="$home" TMPDIR="$home/tmp" DBUS_SESSION_BUS_ADDRESS=unix:path=/none "$@")
}
fresh() {
  home=$WORK/home
  rm -rf "$home"
  mkdir -p "$home/tmp"
  printf 'registry=%s/\n%s/:_authToken=check\nupdate-notifier=false\n' "$registry" "${registry#http:}" >"$home/.npmrc"
}
# answers runs a command that ends in an mcp-login, which must say this version and channel.
answers() {
  local channel=$1 said
  shift
  said=$(person "$@" version --json 2>"$WORK/stderr") || fail "$*: $(cat "$WORK/stderr")"
  [[ $said == *"\"v$VERSION\""* && $said == *"\"$channel\""* ]] || fail "$* says $said, not $channel"
}
# hinted runs a command that has no program, and its hint: then there is one. The hint is a
# command of its own, or with "again" an installation after which the first one works.
hinted() {
  local again=$1 said hint
  shift
  ! said=$(person "$@" version 2>&1) || fail "$* has a program"
  hint=$(sed -n 's/^hint: //p' <<<"$said")
  [ -n "$hint" ] || fail "$* has no hint: $said"
  if [ -n "$again" ]; then
    person bash -c "$hint" >/dev/null 2>&1 || fail "the hint fails: $hint"
    person "$@" version >/dev/null 2>&1 || fail "the hint is of no use: $hint"
  else
    person bash -c "$hint version" >/dev/null 2>&1 || fail "the hint is of no use: $hint"
  fi
}

node='' && fresh
person "$CLONE/packaging/publish-npm" "$DIST" >"$WORK/published" 2>&1 || fail "$(tail "$WORK/published")"
[ "$(grep -c '^+ ' "$WORK/published")" = 7 ] || fail "not seven packages were published"
said=$(person "$CLONE/packaging/publish-npm" "$DIST" 2>&1)
[ "$(grep -c 'published already' <<<"$said")" = 7 ] || fail "publishing is not finished a second time: $said"
# npm has packed them twice now.
wait $packing || fail "$(cat "$WORK/packing")"
node -e '
  for (const { name, version, integrity } of require(process.argv[1])) fetch(process.argv[2] + "/" + name)
    .then((answer) => answer.json())
    .then((published) => { if (published.versions[version].dist.integrity !== integrity) throw new Error(name + " was packed otherwise"); });
' "$WORK/packed.json" "$registry"

for node in "$tools"/node2{0,4}/bin:; do
  fresh
  say "Node $(person node -v)"
  : >"$WORK/fetched"
  answers npx npx -y "$package"
  [ "$(sort "$WORK/fetched")" = "cli-linux-$arch-$VERSION.tgz
mcp-login-$VERSION.tgz" ] || fail "npx fetched $(cat "$WORK/fetched")"
  person node "$checks/ends.mjs" npx -y "$package" http://127.0.0.1:9/mcp
  person "$SIGNIN" -left "$home/.local" -- npx -y "$package"
  person npx -y "$package" config claude-code https://example.com/mcp --write >/dev/null 2>&1
  tr -d '\n ' <"$home/.claude.json" | grep -qF "\"command\":\"npx\",\"args\":[\"-y\",\"$package\",\"https://example.com/mcp\"]" ||
    fail "npx wrote the entry $(cat "$home/.claude.json")"
  person npx -y "$package" config cursor https://example.com/mcp --copy --write >/dev/null 2>&1
  answers copy "$home/.local/bin/mcp-login"
  grep -qF "\"$home/.local/bin/mcp-login\"" "$home/.cursor/mcp.json" || fail "npx wrote the entry $(cat "$home/.cursor/mcp.json")"

  person npm install --global --prefix "$home/global" --ignore-scripts --silent "$package"
  answers npm "$home/global/bin/mcp-login"
  person node "$checks/ends.mjs" "$home/global/bin/mcp-login" http://127.0.0.1:9/mcp | tee "$WORK/ends"
  grep -q '^SIGTERM: 0,' "$WORK/ends" || fail "the program is not told of a signal"
  code=0
  person "$home/global/bin/mcp-login" no-such-verb >/dev/null 2>&1 || code=$?
  [ $code = 2 ] || fail "the exit code is $code, not 2"
  person npm uninstall --global --prefix "$home/global" --silent mcp-login
  [ -z "$(find "$home/global" -name '*mcp-login*')" ] || fail "npm uninstall leaves something"
done
# As Node 24 started it, there is the program and no Node.
grep -q 'no process of mcp-login stays' "$WORK/ends" || fail "a process of Node stays: $(cat "$WORK/ends")"

# Without the package of this system there is a hint, and it is right.
node='' && fresh
echo 'omit=optional' >>"$home/.npmrc"
hinted '' npx -y "$package"
echo "prefix=$home/.local" >>"$home/.npmrc"
person npm install --global --silent "$package"
rm -r "$home/.local/lib/node_modules/mcp-login/node_modules" # npm does not omit it there
hinted again "$home/.local/bin/mcp-login"
echo '{"private":true}' >"$home/package.json"
person npm install --silent "$package"
hinted again node_modules/.bin/mcp-login
# Nor in a project of pnpm, where the wrapper lies deeper and npm has no place.
rm -r "$home/node_modules" "$home"/package*.json
echo '{"private":true}' >"$home/package.json"
echo 'optional=false' >>"$home/.npmrc"
node=$tools/.bin:
person pnpm add --silent "$package"
hinted again node_modules/.bin/mcp-login
node=''

# What other package managers run once they keep in folders of their own.
fresh
answers npx "$tools/.bin/pnpm" --silent dlx "$package"
answers npx "$tools/@oven/bun-linux-${arch/arm64/aarch64}/bin/bun" x "$package"
answers npx env YARN_NPM_REGISTRY_SERVER="$registry" YARN_UNSAFE_HTTP_WHITELIST=127.0.0.1 YARN_NPM_MINIMAL_AGE_GATE=0 "$tools/.bin/yarn" dlx -q "$package"

# Windows cannot be tried: wine has no Node here. npm writes a .cmd file that hands all
# arguments to Node, and there the wrapper starts mcp-login.exe and never becomes it.
person npm install --prefix windows --os=win32 --cpu=x64 --silent "$package"
cat >"$WORK/system.js" <<'EOF'
const [, , value, wrapper] = process.argv;
Object.defineProperty(process, 'platform', { value });
Object.defineProperty(process, 'arch', { value: 'x64' });
process.execve = () => { throw new Error('there is no execve on Windows'); };
require('node:child_process').spawn = (program, args) => (console.log(program, ...args), { on: (event, f) => event === 'error' && f({ code: 'EACCES' }) });
process.argv = [process.execPath, wrapper, 'a', 'b c'];
require(wrapper);
process.removeAllListeners();
EOF
wrapper=$home/windows/node_modules/mcp-login/bin/mcp-login.js
node -e 'require(process.argv[1])(process.argv[2], process.argv[3])' "$tools/cmd-shim" "$wrapper" "$WORK/shim"
grep -qF 'mcp-login.js" %*' "$WORK/shim.cmd" || fail "the .cmd file is $(cat "$WORK/shim.cmd")"
! said=$(node "$WORK/system.js" win32 "$wrapper" 2>&1) || fail "on Windows a program that cannot be started is no failure"
[[ $said == *"/cli-win32-x64/bin/mcp-login.exe a b c
error: "*"cannot be run: EACCES"* && $said != *chmod* ]] || fail "on Windows it would start $said"

# On a system for which there is no program the way is the one by Go (module-path tries it).
! said=$(node "$WORK/system.js" freebsd "$wrapper" 2>&1) || fail "there is a program for FreeBSD: $said"
. packaging/publisher
[ "$said" = "error: mcp-login has no program for freebsd-x64
hint: go install $MODULE/cmd/mcp-login@v$VERSION" ] || fail "on FreeBSD it says $said"
