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
