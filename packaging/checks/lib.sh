# shellcheck shell=bash
# Sourced by each step of packaging/check, which hands in:
#   DIST     the folder with what packaging/build made; a step adds what it makes
#   CLONE    the clone it was made from
#   WORK     an empty folder for this step, removed at the end
#   VERSION  of the release, without v
#   EPOCH    when its commit was made, in seconds
#   SIGNIN   a program that signs in: packaging/signin
: "${DIST:?run packaging/check}" "${CLONE:?}" "${WORK:?}" "${VERSION:?}" "${EPOCH:?}"
. "$CLONE/packaging/tools.sh"
umask 022

# as_root_with_own_mounts SCRIPT starts the script anew as root, where what it mounts is
# seen by nobody else and goes when it ends.
as_root_with_own_mounts() {
  [ -z "${OWN_MOUNTS:-}" ] || return 0
  as_root env OWN_MOUNTS=1 "PATH=$PATH" unshare --mount bash "$1"
  exit
}

# listens PORT: whether somebody does, on this machine.
listens() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port is one at which nobody listens, below those that connections get.
free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)); listens $port; do :; done
  printf %s "$port"
}

# wait_for PROCESS COMMAND... waits until the command succeeds, 30 s at most, while the process lives.
wait_for() {
  local until=$((SECONDS + 30))
  until "${@:2}"; do
    if ! kill -0 "$1" || [ $SECONDS -gt $until ]; then fail "waited in vain for ${*:2}"; fi
    sleep 0.1
  done
}

# for_the_channel CHANNEL COMMAND... fails unless the program is of this release and says
# that it came by the channel.
for_the_channel() {
  local said
  said=$("${@:2}" version --json) || fail "${*:2} version --json ends with $?"
  case $said in
    *"\"v$VERSION\""*"\"channel\": \"$1\""*) ;;
    *) fail "${*:2} is not version $VERSION by the channel $1: $said" ;;
  esac
}

# signin [FLAGS] -- COMMAND... signs in with an installed mcp-login, uses it, and lets it
# remove what it has kept.
signin() { "$SIGNIN" "$@" >"$WORK/signin.log" 2>&1 || { cat "$WORK/signin.log" >&2; fail "the sign-in failed: $*"; }; }

# signin_below ROOT COMMAND... does so with a new home, in which nothing stays. COMMAND sees
# ROOT, if it is not empty, as its root folder; the driver wants to see a home, too.
signin_below() {
  local home
  home=$(mktemp -d /tmp/home.XXXXXX)
  mkdir -p "$1$home"
  HOME=$home signin -left "$1$home" -- "${@:2}"
  rm -rf "$1$home" "$home"
}
