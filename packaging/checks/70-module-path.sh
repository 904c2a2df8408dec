#!/usr/bin/env bash
# The module under another name: packaging/set-module-path in a clone, the rules of the
# rooms there, and `go install PATH/cmd/...@v0.9.0` as anybody would type it, by the go
# command itself, out of the clone's tag. Then the package bearer in a module of somebody
# else's, which has it from a proxy of modules, and one sign-in at its server.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need perl git go

# The path is the publisher's: with the word OWNER while there is no owner.
. "$CLONE/packaging/publisher"
renamed=$WORK/module
git clone -q "$CLONE" "$renamed"
cd "$renamed"

commit() { git -c user.name=check -c user.email=check@example.test commit -qam "go.mod: another module path"; }

# rename must leave nothing of the old name in Go, and be undone by the same command.
rename() {
  local left other=example.test/first/name
  packaging/set-module-path $other
  commit
  packaging/set-module-path "$MODULE"
  left=$(git grep -nE '"(mcp-login|example\.test/first/name)/(cmd|internal|test|docs|examples|packaging)/' -- '*.go' || true)
  [ -z "$left" ] || fail "packages are still named as before: $left"
  packaging/set-module-path $other
  git diff --exit-code --stat || fail "to another name and back is not what it was"
  packaging/set-module-path "$MODULE"
  commit
  git tag v0.9.0
}

# tested: every import of the programs and the tests is found, and the rules of the rooms
# hold and still see what breaks them. Nothing but names has changed: the tests of the
# programs themselves would take half a minute and say what they say elsewhere.
tested() {
  go list -deps -test ./... >/dev/null
  go test ./test ./packaging/owner
  printf 'package jsonrpc\n\nimport _ "%s/internal/oauth"\n' "$MODULE" >internal/jsonrpc/planted.go
  ! go test -count=1 -run TestRooms ./test >"$WORK/planted.log" 2>&1 || fail "the rules of the rooms see no import of $MODULE"
  grep -q 'internal/jsonrpc imports internal/oauth' "$WORK/planted.log" || fail "$(cat "$WORK/planted.log")"
  rm internal/jsonrpc/planted.go
}

# installed asks for the module at its own address, which git finds in the clone; all
# other modules come out of the cache of this machine.
installed() {
  local cache program said
  cache=$(go env GOMODCACHE)
  (
    cd "$WORK"
    GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="url.file://$renamed.insteadOf" GIT_CONFIG_VALUE_0="https://$MODULE" \
      GOPROXY="file://$cache/cache/download" GONOPROXY=$MODULE GOSUMDB=off GOTOOLCHAIN=local PATH="$(go env GOROOT)/bin:$PATH" \
      GOMODCACHE="$WORK/modules" GOFLAGS="-trimpath -modcacherw" GOBIN="$WORK/bin" \
      go install "$MODULE"/cmd/{mcp-login,whoami-server}@v0.9.0 2>install.log || fail "$(cat install.log)"
  )
  for program in mcp-login whoami-server; do
    said=$("$WORK/bin/$program" version --json)
    grep -q '"version": *"v0.9.0"' <<<"$said" || fail "$program says $said"
    grep -q '"channel": *"go"' <<<"$said" || fail "$program does not know that Go installed it: $said"
    say "go install $MODULE/cmd/$program@v0.9.0: v0.9.0, channel go"
  done
}

# imported is what a Go developer does with docs/protect-your-own-server.md: its program in a
# module of its own, and bearer from a proxy, which is made of what the go command has packed
# for `installed`. The server is then used by the mcp-login that came the same way.
imported() {
  local cache fetched go home
  cache=$(go env GOMODCACHE) go=$(go env GOROOT)/bin/go
  mkdir "$WORK/notes"
  cp "$renamed/examples/bearer/mcpgo/main.go" "$WORK/notes"
  (
    cd "$WORK/notes"
    export GOPROXY="file://$WORK/modules/cache/download,file://$cache/cache/download" GOSUMDB=off GOTOOLCHAIN=local GOMODCACHE="$WORK/others" GOFLAGS=-modcacherw
    { $go mod init example.test/notes && $go get "$MODULE/bearer@v0.9.0" && $go get . && $go build -o notes .; } >get.log 2>&1 || fail "$(cat get.log)"
    grep -q "^require.*$MODULE v0.9.0\|^\s$MODULE v0.9.0" go.mod || fail "go.mod does not want $MODULE: $(cat go.mod)"
  )
  fetched=$(find "$WORK/others/cache/download" -name '*.zip' | grep -c .)
  ! find "$WORK/others/cache/download" -name '*.zip' | grep -E 'prometheus|redis|opentelemetry|grpc' || fail "bearer brings what it should not"
  home=$(mktemp -d /tmp/home.XXXXXX)
  HOME=$home signin -server "$WORK/notes/notes" -- "$WORK/bin/mcp-login"
  rm -rf "$home"
  say "$MODULE/bearer@v0.9.0 from a file proxy: compiled in another module, which fetched $fetched modules, and signed in to"
}

rename
tested
installed
imported
