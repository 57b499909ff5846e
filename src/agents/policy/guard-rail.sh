#!/bin/sh
# What an agent asks before it runs a command: the call as JSON on standard input. Exit status 2 refuses it, and
# what is written to standard error is told to the agent. It is against accidents: a command can be written so
# that none of these words is in it, and what keeps an agent in is the container and its network.
refuse() {
  echo "drydock: refused: $1" >&2
  exit 2
}

command -v jq >/dev/null 2>&1 || refuse 'jq is missing, and nothing is run that cannot be read'
asked=$(jq -er '.tool_input.command // empty | strings') || refuse 'the call is not understood'
# One line, single spaces.
asked=$(printf '%s' "$asked" | tr '\n\t' '  ' | tr -s ' ')

matches() { printf '%s\n' "$asked" | grep -Eq -- "$1"; }
# Where a command begins: at the start, behind a separator, or as the argument of what runs others.
start='(^|[;&|({`]|\$\(|sudo |xargs |env |exec |time ) ?'

matches "${start}git( -[cC] [^ ]+)* push .*(--force( |\$)|-f( |\$)|--mirror| \\+)" && refuse 'a push that overwrites history'
matches "${start}git( -[cC] [^ ]+)* reset .*--hard" && refuse 'git reset --hard throws changes away'
matches "${start}git( -[cC] [^ ]+)* clean .*-[a-z]*f" && refuse 'git clean -f throws files away'
matches "${start}git( -[cC] [^ ]+)* (config|-c) .*(core\\.(hooks[Pp]ath|fsmonitor|ssh[Cc]ommand))" && refuse 'a git setting that runs programs on the host'
matches "${start}rm .*-[a-zA-Z]*[rR].* (/|~|\\\$HOME|\\.git)/?( |;|&|\\||\$)" && refuse 'rm -r of a whole tree'
matches "${start}(mkfs|fdisk|parted|wipefs)([ .]|\$)" && refuse 'a command that overwrites a disk'
matches "${start}dd .*of=/dev/" && refuse 'a command that overwrites a device'
exit 0
