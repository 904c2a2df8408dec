#!/usr/bin/env bash
# Manual pages are clean, there is one for each command and topic, and they name every flag;
# completions can be read by the shells.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need mandoc bash zsh fish
cd "$WORK"
tar -xf "$DIST/mcp-login_${VERSION}_linux_amd64.tar.gz" --strip-components=1
name=whoami-server_${VERSION}_linux_amd64
tar -xf "$DIST/$name.tar.gz" --strip-components=1 "$name/man"
program=$DIST/mcp-login_linux_amd64_v1/mcp-login

lint=$(mandoc -T lint -W warning man/*) || fail "$lint"

# flags are all that a text names; a page has them with hyphens that can be copied.
flags() { grep -oE -- '(^|[ ,(])--[a-z][a-z-]*' | grep -oE -- '--.*' | sort -u; }

# page COMMAND...: its page has the flags of its help. Those of commands below it as well.
page() {
  local file missing words
  file=man/$(IFS=-; echo "mcp-login${*:+-$*}").1
  [ -s "$file" ] || fail "there is no $file"
  missing=$(comm -23 <("$program" help flags "$@" | flags) <(mandoc -T utf8 "$file" | col -b | flags))
  [ -z "$missing" ] || fail "$file does not say $missing"
  for words in $("$program" help "$@" | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\)  .*/\1/p'); do
    page "$@" "$words"
  done
}
page
for topic in $("$program" help | sed -n '/^Topics:/,/^$/s/^  \([a-z-]*\)  .*/\1/p'); do
  [ "$topic" = flags ] || [ -s "man/mcp-login-$topic.7" ] || fail "there is no page about $topic"
done
missing=$(comm -23 <("$DIST/whoami-server_linux_amd64_v1/whoami-server" --help 2>&1 | grep -oE '^  -[a-z-]+' | sort) \
  <(mandoc -T utf8 man/whoami-server.8 | col -b | sed -nE 's/^ {7}(-[a-z-]+).*/  \1/p' | sort))
[ -z "$missing" ] || fail "whoami-server.8 does not say $missing"

bash -n completions/mcp-login.bash
zsh -n completions/mcp-login.zsh
fish -n completions/mcp-login.fish
bash -c '. completions/mcp-login.bash; complete -p mcp-login' >/dev/null || fail "bash completes nothing"
[ -s completions/mcp-login.ps1 ] || fail "there is no completion for PowerShell"
say "$(find man -type f | wc -l) pages; completions for bash, zsh and fish; that for PowerShell is not read, there is none here"
