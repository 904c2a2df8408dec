#!/usr/bin/env bash
# The images: equal when built twice, the release's own programs in them for both
# architectures, and run by podman as their users run them. The other architecture than
# this machine's is looked into and not started.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need buildah podman runc skopeo curl
as_root_with_own_mounts "$0"

images=$WORK/images
secret=$WORK/passphrase
container=(podman --root "$WORK/storage" --runroot "$WORK/run" --storage-driver vfs --runtime runc --cgroup-manager cgroupfs)
# Nothing is left running, and no file of root's, whatever fails.
clean() {
  "${container[@]}" rm -fa >/dev/null 2>&1 || true
  "${container[@]}" volume prune -f >/dev/null 2>&1 || true
  rm -rf "${WORK:?}"/*
}
trap clean EXIT

# run is what docs/containers.md shows for docker run; the limits are for machines that
# allow no others.
run=("${container[@]}" run --network host --ulimit nofile=4096:4096 --ulimit nproc=4096:4096
  --log-driver k8s-file --read-only --cap-drop all --security-opt no-new-privileges)
with_volume=(-i --rm -v "$secret:/run/secrets/passphrase:ro" -e MCP_LOGIN_PASSPHRASE_FILE=/run/secrets/passphrase)

# equal builds twice; the second time as somebody with another umask and time zone.
equal() {
  local first second
  first=$("$CLONE/packaging/images/build" "$DIST" "$images")
  second=$(umask 077 && TZ=Asia/Tokyo "$CLONE/packaging/images/build" "$DIST" "$WORK/again")
  [ "$first" = "$second" ] || fail "two builds of one commit differ: $first / $second"
  rm -rf "$WORK/again"
  say "$first"
}

# contents are, for each architecture, what GoReleaser has built, and nothing that can be
# written by another than its user.
contents() {
  local name=$1 arch=$2 layers=$WORK/$1-$2 program layer file
  skopeo copy -q --override-os linux --override-arch "$arch" "oci-archive:$images/$name.oci.tar" "dir:$layers"
  for layer in "$layers"/*; do
    if tar -tf "$layer" >/dev/null 2>&1; then tar -xf "$layer" -C "$layers" --no-same-owner; fi
  done
  program=$(echo "$DIST/${name}_linux_${arch}"*/"$name")
  cmp "$program" "$layers/$name" || fail "$name for $arch is not the program of the archives"
  for file in LICENSE THIRD_PARTY_NOTICES.txt etc/ssl/certs/ca-certificates.crt; do
    [ -s "$layers/$file" ] || fail "$name for $arch has no $file"
  done
  rm -rf "$layers"
}

# whoami_server answers, checks itself, and ends as it is told.
whoami_server() {
  local port ops answer
  port=$(free_port) ops=$(free_port)
  "${run[@]}" -d --name whoami -e WHOAMI_LISTEN=127.0.0.1:"$port" -e WHOAMI_OPS_LISTEN=127.0.0.1:"$ops" -e WHOAMI_DEV=true "$1" >/dev/null
  answer=$(curl -s --retry 30 --retry-connrefused --retry-delay 1 -o /dev/null -w '%{http_code}' -X POST "http://127.0.0.1:$port/mcp")
  [ "$answer" = 401 ] || { "${container[@]}" logs whoami >&2; fail "/mcp answers $answer, not 401"; }
  answer=$(curl -sS -o /dev/null -w '%{http_code}' "http://127.0.0.1:$ops/readyz")
  [ "$answer" = 200 ] || fail "/readyz answers $answer"
  "${container[@]}" exec whoami /whoami-server healthcheck || fail "the check of its health fails"
  "${container[@]}" stop -t 20 whoami >/dev/null
  answer=$("${container[@]}" inspect -f '{{.State.ExitCode}}' whoami)
  [ "$answer" = 0 ] || fail "it ends with $answer when it is stopped"
  say "whoami-server: /mcp 401, /readyz 200, healthcheck 0, stopped with 0"
}

# refuses_without_passphrase: a login is never written plainly, and the first start says
# what to do.
refuses_without_passphrase() {
  local said
  said=$("${run[@]}" -i --rm -v empty:/state "$1" token http://127.0.0.1:1/mcp 2>&1 </dev/null) && fail "it starts without a passphrase"
  grep -q 'MCP_LOGIN_PASSPHRASE_FILE' <<<"$said" || fail "nothing says that a passphrase is needed: $said"
}

# mcp_login signs in by a code for another device, and by what its bridge prints. Each
# start is a container of its own, after which the volume is looked into.
mcp_login() {
  local how
  export HOME=$WORK/home
  mkdir -p "$HOME"
  head -c 24 /dev/urandom | base64 >"$secret"
  chown 65532:65532 "$secret"
  chmod 400 "$secret"
  for how in device bridge; do
    cat >"$WORK/$how" <<END
#!/usr/bin/env bash
$(printf '%q ' "${run[@]}" "${with_volume[@]}" -v "state-$how:/state" "$1") "\$@"
code=\$?
folder=\$($(printf '%q ' "${container[@]}") volume inspect -f '{{.Mountpoint}}' state-$how)
find "\$folder" -type f >>"$WORK/kept"
grep -rlE 'access_token|refresh_token' "\$folder" >>"$WORK/plain"
exit \$code
END
    chmod +x "$WORK/$how"
    signin -how $how -- "$WORK/$how"
    [ -z "$(find "$("${container[@]}" volume inspect -f '{{.Mountpoint}}' "state-$how")" -type f)" ] || fail "uninstall leaves files in the volume"
  done
  grep -q '/passphrase.key$' "$WORK/kept" || fail "the volume had no key: $(cat "$WORK/kept")"
  grep -qvE '/(passphrase\.key|index\.json)$' "$WORK/kept" || fail "the volume had no login: $(cat "$WORK/kept")"
  [ ! -s "$WORK/plain" ] || fail "a login was in the volume as it is: $(cat "$WORK/plain")"
}

# one_process: nothing runs in the container but the program itself, so that no child of
# its own is left for it to wait for.
one_process() {
  local pid bridge
  mkfifo "$WORK/stdin"
  "${run[@]}" "${with_volume[@]}" --name bridge -v state-device:/state "$1" http://127.0.0.1:1/mcp <"$WORK/stdin" >"$WORK/bridge.log" 2>&1 &
  bridge=$!
  exec 9>"$WORK/stdin"
  printf '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"check","version":"1"}}}\n' >&9
  wait_for $bridge grep -sq '"id":1' "$WORK/bridge.log"
  pid=$("${container[@]}" inspect -f '{{.State.Pid}}' bridge)
  [ "$(pgrep --ns "$pid" --nslist pid . | wc -l)" = 1 ] || fail "more than one process in the container"
  "${container[@]}" stop -t 10 bridge >/dev/null
  wait $bridge || fail "the bridge ends with $? when its container is stopped" # 137 is SIGKILL
  exec 9>&-
}

# pulled is the image of this machine's architecture.
pulled() { "${container[@]}" pull -q "oci-archive:$images/$1.oci.tar"; }

equal
for name in mcp-login whoami-server; do
  for arch in amd64 arm64; do contents $name $arch; done
done
image=$(pulled whoami-server)
for_the_channel container "${run[@]}" --rm "$image"
whoami_server "$image"
image=$(pulled mcp-login)
for_the_channel container "${run[@]}" --rm "$image"
refuses_without_passphrase "$image"
mcp_login "$image"
one_process "$image"
say "mcp-login: signed in by device and by bridge, sealed in a volume, one process, stopped with 0"
