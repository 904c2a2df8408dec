#!/usr/bin/env bash
# The release workflow: each of its commands as it stands there, in a clone in which
# everything is filled in that a maintainer fills in. Registries on loopback stand for those of
# the world, and a program that writes down what it is told for GitHub's gh. Attestations and
# npm's trust in the workflow cannot be tried.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need actionlint shellcheck skopeo ssh-keygen openssl npm
workflow=$CLONE/.github/workflows/release.yml
filled=$WORK/filled
started=()
declare -A secrets
trap '[ ${#started[@]} = 0 ] || kill "${started[@]}"' EXIT

# plan is when the workflow runs, with what for all, and what it does in which order: the jobs,
# what they may, and what each command is given.
plan() {
  awk '{ sub(/ *#.*/, "") } /^jobs:/ { on = 1; next }
    !on { if (NF && !/^name:/) { $1 = $1; printf "%s%s", line, $0; line = "\n" } next }
    /^  [a-z]+:$/ || /^ *environment:/ || /: (read|write)$/ { $1 = $1; printf "%s%s", line, $0; line = "\n" }
    / run: / { sub(/.* run: /, ""); printf "\nrun: %s", $0 }
    /^ +[A-Z_]+: / { printf " with %s", substr($1, 1, length($1) - 1) }
    END { print "" }' "$workflow"
}

# planned says what it should be: nobody gets more than is written here.
planned() {
  diff - <(plan) >&2 <<'END' || fail "the plan of release.yml is another: say here what is right"
on:
push:
tags: ["v*"]
permissions:
contents: read
concurrency:
group: release-${{ github.ref }}
release:
environment: release
contents: write
id-token: write
attestations: write
run: packaging/release-ready with RELEASE_SIGNING_KEY
run: packaging/build
run: packaging/sign dist with RELEASE_SIGNING_KEY
run: packaging/draft-release dist with GH_TOKEN
publish:
environment: publish
contents: read
packages: write
id-token: write
attestations: write
run: packaging/fetch-release release with GH_TOKEN
run: packaging/images/build release release/images
run: packaging/images/push release/images with GITHUB_TOKEN
run: packaging/publish-npm release
END
}

# linted: the workflows, and that each run is one command of packaging/.
linted() {
  (cd "$CLONE" && actionlint)
  local bad
  bad=$(grep -nE '^ *(- )?run:' "$workflow" | grep -vE 'run: packaging/[a-z/-]+( [a-z/]+)*$' || true)
  [ -z "$bad" ] || fail "release.yml has a run that is no single command of packaging/: $bad"
  bad=$(grep -hoE 'uses: .*' "$CLONE"/.github/workflows/*.yml | grep -vE '@[0-9a-f]{40} # v[0-9.]+$' || true)
  [ -z "$bad" ] || fail "an action is not named by its commit: $bad"
}

# registries are one for images and one for npm packages, which set image and npm.
registries() {
  local port
  port=$(free_port)
  image=127.0.0.1:$port
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=check -addext subjectAltName=IP:127.0.0.1 \
    -keyout "$WORK/tls.key" -out "$WORK/tls.crt" 2>/dev/null
  cat >"$WORK/registry.yml" <<END
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $WORK/images}}
http: {addr: "$image", tls: {certificate: $WORK/tls.crt, key: $WORK/tls.key}}
END
  (
    cd "$WORK"
    apt-get download -qq docker-registry 2>/dev/null || { as_root apt-get update -qq; apt-get download -qq docker-registry; }
  )
  dpkg -x "$WORK"/docker-registry_*.deb "$WORK/registry" # installed, it would be a service
  "$WORK/registry/usr/bin/docker-registry" serve "$WORK/registry.yml" >"$WORK/registry.log" 2>&1 &
  started+=($!)
  (cd "$CLONE" && go build -o "$WORK/npmregistry" ./packaging/npmregistry)
  "$WORK/npmregistry" "$WORK/npm-address" >/dev/null &
  started+=($!)
  wait_for "${started[0]}" listens "$port"
  wait_for "${started[1]}" test -s "$WORK/npm-address"
  npm=$(cat "$WORK/npm-address")
}

# filled_in is the clone of a maintainer who has done what docs/releasing.md says. The Go that
# is here takes the place of the one that releases are built with.
filled_in() {
  git clone -q "$CLONE" "$filled"
  cd "$filled"
  unready
  ssh-keygen -q -t ed25519 -N '' -C '' -f "$WORK/key"
  sed -i -e 's/^OWNER=.*/OWNER=someone/' -e 's/^MAINTAINER_EMAIL=.*/MAINTAINER_EMAIL=someone@localhost/' -e "s,^SIGNING_KEY=.*,SIGNING_KEY=\"$(cut -d ' ' -f 1,2 "$WORK/key.pub")\"," packaging/publisher
  packaging/set-module-path github.com/someone/mcp-login
  sed -i "s/^## \[Unreleased\]/&\n\n## [$VERSION]/" CHANGELOG.md
  go mod edit -toolchain "$(go env GOVERSION)"
  go test ./packaging/owner -update >"$WORK/pages.log" || fail "$(cat "$WORK/pages.log")"
  # The programs know the names of the images, but for this.
  sed -i -e "s,^IMAGE=.*,IMAGE=\"$image/mcp-login\"," -e "s,^WHOAMI_IMAGE=.*,WHOAMI_IMAGE=\"$image/whoami-server\"," packaging/publisher
  git -c user.name=check -c user.email=check@localhost commit -qam "the release $VERSION"
  git -c user.name=check -c user.email=check@localhost tag -a -m "$VERSION" "v$VERSION"
  git update-ref refs/remotes/origin/main HEAD
  packaging/release-ready || fail "a maintainer's machine is not ready"
  cp -al "$DIST" dist 2>/dev/null || { rm -rf dist && cp -a "$DIST" dist; } # links, on one file system
  rm -f dist/SHA256SUMS.sig # it would be written in both
}

# environment is that of the workflow, on a machine with the npm that it has there.
environment() {
  npm install --prefix "$WORK/tools" --silent --no-audit --no-fund --ignore-scripts npm@11.6.2
  mkdir -p "$WORK/bin"
  ln -s "$WORK/tools/node_modules/.bin/npm" "$WORK/bin/npm"
  cat >"$WORK/bin/gh" <<END
#!/bin/sh
: "\${GH_TOKEN:?}"
for last; do :; done
case \$2 in
  create) printf '%s\n' "\$@" >"$WORK/gh"; cat >"$WORK/notes" ;;
  download) grep '^/' "$WORK/gh" | xargs cp -l -t "\$last" ;;
esac
END
  chmod +x "$WORK/bin/gh"
  printf 'registry=%s/\n%s/:_authToken=check\nupdate-notifier=false\n' "$npm" "${npm#http:}" >"$WORK/npmrc"
  export PATH=$WORK/bin:$PATH GITHUB_ACTOR=check GITHUB_OUTPUT=$WORK/output
  export NPM_CONFIG_USERCONFIG=$WORK/npmrc SSL_CERT_FILE=$WORK/tls.crt
  secrets=([RELEASE_SIGNING_KEY]=$(cat "$WORK/key") [GH_TOKEN]=check [GITHUB_TOKEN]=check)
  unset "${!secrets[@]}"
}

# unready: what nobody has filled in is named, each with a hint.
unready() {
  local said word
  sed -i 's/^OWNER=.*/OWNER=/' packaging/publisher
  git tag "v$VERSION.1"
  git update-ref refs/remotes/origin/main "$(git -c user.name=check -c user.email=check@localhost commit-tree -m other 'HEAD^{tree}')"
  said=$(GITHUB_ACTIONS=true RELEASE_SIGNING_KEY='' packaging/release-ready 2>&1) && fail "it could be released as it is"
  git tag -d "v$VERSION" "v$VERSION.1" >/dev/null
  for word in "one tag that is a version, but: v$VERSION" "commit of main" "fill in OWNER" "fill in MAINTAINER" "set-module-path github.com/OWNER/" "CHANGELOG.md says nothing of" "private half"; do
    grep -q "$word" <<<"$said" || fail "release-ready does not say \"$word\": $said"
  done
}

# drafted: GitHub was asked for a draft, with every file that the sums name and that the pages
# tell people to download.
drafted() {
  local name
  grep -qx -- --draft "$WORK/gh" || fail "it is no draft: $(cat "$WORK/gh")"
  grep -q 'verify-a-download' "$WORK/notes" || fail "the notes are $(cat "$WORK/notes")"
  for name in $(sed 's/.*  //' "$filled/dist/SHA256SUMS") SHA256SUMS SHA256SUMS.sig \
    $(grep -ohE 'releases/latest/download/[A-Za-z0-9._-]+' "$filled"/README.md "$filled"/docs/*.md | sed 's,.*/,,'); do
    grep -q "/$name\$" "$WORK/gh" || fail "the draft has no $name: $(cat "$WORK/gh")"
  done
}

# fetched: nothing is taken that was signed for something else.
fetched() {
  mv dist/SHA256SUMS.sig "$WORK/good.sig"
  ssh-keygen -q -Y sign -n other -f "$WORK/key" - <dist/SHA256SUMS >dist/SHA256SUMS.sig
  ! "$@" >/dev/null 2>&1 || fail "files are published that are not signed"
  mv "$WORK/good.sig" dist/SHA256SUMS.sig
  rm -r release
  mkdir -p "$WORK/added/npm/cli-added"
  tar -C "$WORK/added" -czf "$WORK/zz_linux_amd64.tar.gz" npm
  echo "$WORK/zz_linux_amd64.tar.gz" >>"$WORK/gh"
  "$@"
  [ -e release/zz_linux_amd64.tar.gz ] || fail "no file was added to the release"
  [ ! -e release/npm/cli-added ] || fail "an archive that nobody has signed is unpacked"
}

# pushed: the registry has both architectures of both images.
pushed() {
  local name said
  for name in mcp-login whoami-server; do
    [ "$(skopeo inspect --raw "docker://$image/$name:$VERSION" | grep -o '"architecture":"[a-z0-9]*"' | sort | paste -sd ' ')" = \
      '"architecture":"amd64" "architecture":"arm64"' ] || fail "$name is not in the registry"
    grep -q "^$name-digest=sha256:" "$WORK/output" || fail "the workflow does not learn the digest of $name"
  done
  # An older version that is pushed once more does not become the latest.
  for name in mcp-login whoami-server; do
    for said in 9999.0.0 latest; do skopeo copy -q --all "oci-archive:release/images/whoami-server.oci.tar" "docker://$image/$name:$said"; done
  done
  said=$(skopeo inspect --format '{{.Digest}}' "docker://$image/mcp-login:latest")
  packaging/images/push release/images >/dev/null
  [ "$(skopeo inspect --format '{{.Digest}}' "docker://$image/mcp-login:latest")" = "$said" ] || fail "an older version becomes the latest"
  mkdir "$WORK/others"
  for name in mcp-login whoami-server; do ln -s "$PWD/release/images/whoami-server.oci.tar" "$WORK/others/$name.oci.tar"; done
  said=$(packaging/images/push "$WORK/others" 2>&1) && fail "a published image is replaced"
  grep -q "never replaced" <<<"$said" || fail "pushing another image says $said"
}

# ran COMMAND NAME... runs a command of the workflow as it stands there, with the secrets of these names,
# and looks at what has come of it. A command that is not here is new: say how it is tried.
ran() {
  local name
  for name in "${@:2}"; do export "$name=${secrets[$name]}"; done
  # shellcheck disable=SC2086 # a command with its arguments
  case $1 in
    packaging/build) [ -s dist/SHA256SUMS ] ;; # packaging/check has run it, in its clones
    packaging/release-ready) $1 ;;
    "packaging/sign dist") $1; [ -s dist/SHA256SUMS.sig ] ;;
    "packaging/draft-release dist") $1; drafted ;;
    "packaging/fetch-release release") fetched $1 ;;
    "packaging/images/build release release/images") $1 ;;
    "packaging/images/push release/images") $1; pushed ;;
    "packaging/publish-npm release") $1 >"$WORK/npm.log" 2>&1 || fail "$(tail "$WORK/npm.log")"; [ "$(grep -c '^+ ' "$WORK/npm.log")" = 7 ] ;;
    *) fail "no test runs \"$1\" of release.yml" ;;
  esac
  say "ran: $1"
}

linted
planned
registries
export GITHUB_REF_NAME=v$VERSION GITHUB_ACTIONS=''
filled_in
environment
GITHUB_ACTIONS=true
plan | sed -n 's/^run: //p' >"$WORK/commands"
while IFS= read -r command; do
  # shellcheck disable=SC2046 # names
  (ran "${command%% with *}" $(grep -oE 'with [A-Z_]+' <<<"$command" | cut -d ' ' -f 2) </dev/null)
done <"$WORK/commands"
