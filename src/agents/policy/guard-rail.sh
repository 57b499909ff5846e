#!/bin/sh
# What an agent asks before it runs a command or reads a file: the call, {"tool_name", "tool_input"}, as JSON on standard
# input. Exit status 2 refuses it, and what is written to standard error is told to the agent. It is against accidents: a
# command can be written so that this does not see it, and what keeps an agent in is the container and its network.
refuse() {
  echo "drydock: refused: $1" >&2
  exit 2
}

command -v jq >/dev/null 2>&1 || refuse 'jq is missing, and nothing is run that cannot be read'
verdict=$(jq -r --arg here "$PWD" '
  . as $call | ((.cwd? | strings) // "") as $cwd
  |
  # A shell text as what it is made of: quoted text, redirections, separators, blanks and the rest.
  def pieces: [scan(
    "\"(?:\\\\(?:.|\\n)|[^\"\\\\])*\"?"
    + "|\u0027[^\u0027]*\u0027?"
    + "|\\\\(?:.|\\n)"
    + "|\\$\\{[^}]*\\}?"
    + "|\\$?\\("
    + "|&>>?|[0-9]*(?:<<<|<<-?|<>|[<>]{1,2})(?:[&|][0-9-]*)?"
    + "|[;&|)`\\n]"
    + "|[ \\t\\r]+"
    + "|[^\\s\"\u0027\\\\;&|()`<>$]+"
    + "|\\$")];

  # What output goes to is no word of the command.
  def end_word:
    if .word == null then . elif .written then .word = null | .written = false
    else .words += [.word] | .word = null end;
  def end_command: end_word | .written = false | if .words == [] then . else .commands += [.words] | .words = [] end;

  # Its commands, each a list of words without their quotes, and the texts in which others may stand.
  def parsed: reduce pieces[] as $piece ({commands: [], words: [], word: null, written: false, comment: false, texts: []};
    if $piece == "\n" then .comment = false | end_command
    elif .comment then .
    elif ($piece | test("^(?:[;&|)`]|\\$?\\()$")) then end_command
    elif ($piece | test("^(?:&>>?|[0-9]*>{1,2}[&|]?)$")) then end_word | .written = true
    elif ($piece | test("^(?:[ \\t\\r]+$|[0-9]*[<>])")) then end_word
    elif ($piece == "\\\n") then .
    elif .word == null and ($piece | startswith("#")) then .comment = true
    elif ($piece | startswith("\u0027")) then .word += ($piece[1:] | rtrimstr("\u0027"))
    elif ($piece | startswith("\\")) then .word += $piece[1:]
    elif ($piece | startswith("\"")) then
      ($piece[1:] | rtrimstr("\"")) as $text
      | .word += ($text | gsub("\\\\(?<octet>[\"$`\\\\])"; .octet))
      | if ($text | test("\\$\\(|`")) then .texts += [$text] else . end
    else .word += $piece end) | end_command;

  # What is only written down is no command, unless a shell reads it.
  def without_documents:
    if test("(?:^|[\\s;&|(/])(?:ba|da|z|k)?sh\\b[^\\n]*<<|<<[^\\n]*[|][^\\n]*\\b(?:ba|da|z|k)?sh\\b") then .
    else gsub("(?<!<)<<-?[ \\t]*[\"\u0027\\\\]?(?<end>[A-Za-z_][A-Za-z0-9_]*)[\"\u0027]?(?<rest>[^\\n]*)\\n(?:[^\\n]*\\n)*?[ \\t]*\\k<end>[ \\t]*(?=\\n|$)"; .rest)
    end;

  def program: .[0] | split("/") | last // "";
  # What a shell is told to run.
  def told:
    . as $words
    | if program == "eval" then .[1:] | join(" ")
      else range(length) | select($words[.] | split("/") | last // "" | test("^(?:ba|da|z|k)?sh$")) as $shell
        | range($shell + 1; $words | length) | select($words[.] | test("^-[a-zA-Z]*c$")) | $words[. + 1] // empty
      end;
  # A program that only says where it is, as a variable that does.
  def with_places: gsub("\\$\\([ \\t]*(?:pwd|git rev-parse --show-toplevel)[ \\t]*\\)|`(?:pwd|git rev-parse --show-toplevel)`"; "$PWD");
  def all_commands: without_documents | with_places | parsed | .commands[], (.commands[] | told | all_commands), (.texts[] | all_commands);

  # Behind what runs others any word may begin the command.
  def runners: ["sudo", "doas", "env", "xargs", "exec", "command", "builtin", "nohup", "time", "timeout", "nice", "ionice",
    "stdbuf", "setsid", "busybox", "then", "do", "else", "elif", "if", "while", "until", "!", "{"];
  def bare: if length > 0 and (.[0] | test("^[A-Za-z_][A-Za-z0-9_]*\\+?=")) then .[1:] | bare else . end;
  def candidates: bare | select(length > 0)
    | if (program as $first | runners | index([$first])) then range(1; length) as $at | .[$at:] else . end;

  def behind_options:
    if length == 0 then .
    elif (.[0] | test("^(?:-C|-c|--git-dir|--work-tree|--namespace|--exec-path)$")) then .[2:] | behind_options
    elif (.[0] | startswith("-")) then .[1:] | behind_options
    else . end;
  # The whole of what a command works on: the folder it runs in, the home folder and what is above them, a folder of the
  # system, and what names nothing but "*" and the like.
  def expanded:
    (env.HOME // "~") as $home
    | gsub("\\$PWD(?![A-Za-z0-9_])|\\$\\{PWD(?::[^}]*)?\\}"; $here)
    | sub("^(?:~(?=/|$)|\\$HOME(?![A-Za-z0-9_])|\\$\\{HOME(?::[^}]*)?\\})"; $home);
  def whole_place:
    sub("(?:/\\*+)+/*$"; "/") | (if startswith("/") then . else $here + "/" + . end)
    | reduce (split("/")[] | select(. != "" and . != ".")) as $part ([]; if $part == ".." then .[:-1] else . + [$part] end)
    | "/" + join("/");
  def is_whole($places):
    expanded
    | (test("[.*?]") and test("^[\\].*?\\[!^{},/]+$"))
      or (whole_place
        | test("^/(?:bin|boot|dev|etc|home|lib[^/]*|media|mnt|opt|proc|root|run|sbin|srv|sys|var(?:/lib)?|usr(?:/(?:bin|include|lib[^/]*|local|sbin|share))?)$")
          or (rtrimstr("/") + "/") as $place | any($places[]; startswith("/") and (. + "/" | startswith($place))));
  def is_whole_tree: test("^(?:.*/)?\\.git(?:/+\\**)?$") or is_whole([$here, $cwd, env.HOME // ""]);
  def is_every_path: test("^:(?:/|\\(top\\))\\.?\\**$") or is_whole([$here, $cwd]);

  def runs_programs: test("^core\\.(?:hookspath|fsmonitor|sshcommand)(?:=|$)"; "i");
  def has($pattern): any(.[]; test("^(?:" + $pattern + ")$"));
  # Without a value it is read.
  def sets_programs:
    . as $words
    | (has("--(?:get|unset)(?:-.*)?|--list|-l") or (.[0] // "" | test("^(?:get|unset|list)$")) | not)
      and any(range(length); ($words[.] | runs_programs) and any($words[. + 1:][]; startswith("--") | not));
  def git_refusal:
    . as $options | behind_options as $words | ($words[0] // "") as $action | $words[1:]
    | if $action == "push" and (has("--force|--mirror|-[a-zA-Z]*f[a-zA-Z]*") or any(.[]; startswith("+"))) then
        "a push that overwrites history"
      elif $action == "push" and has("--delete|-[a-zA-Z]*d[a-zA-Z]*|:.+") then "a push that deletes a branch or tag"
      elif $action == "reset" and has("--hard") then "git reset --hard throws changes away"
      elif $action == "clean" and has("--force|-[a-zA-Z]*f[a-zA-Z]*") and (has("--dry-run|-[a-zA-Z]*n[a-zA-Z]*") | not) then
        "git clean -f throws files away"
      elif ($action == "checkout" or ($action == "restore" and ((has("--staged|-[a-zA-Z]*S[a-zA-Z]*") | not)
          or has("--worktree|-[a-zA-Z]*W[a-zA-Z]*")))) and any(.[]; is_every_path) then
        "git \($action) of everything throws changes away: name the files"
      elif $action == "rm" and has("-[a-zA-Z]*r[a-zA-Z]*") and (has("--cached|--dry-run|-n") | not) and any(.[]; is_every_path) then
        "git rm -r of everything"
      elif $action == "stash" and (.[0] // "" | test("^(?:drop|clear)$")) then "git stash \(.[0]) throws changes away"
      elif $action == "branch" and (has("-[a-zA-Z]*D[a-zA-Z]*") or (has("--delete|-[a-zA-Z]*d[a-zA-Z]*") and has("--force|-[a-zA-Z]*f[a-zA-Z]*"))) then
        "git branch -D throws commits away"
      elif ($action == "config" and sets_programs)
        or any(range($options | length); $options[.] == "-c" and ($options[. + 1] // "" | runs_programs)) then
        "a git setting that runs programs on the host"
      else empty end;

  # Of the alternatives of what find is told, one that deletes must say what.
  def deletes: . as $words
    | any(range(length); . as $at | $words[.]
      | . == "-delete" or (test("^-(?:exec|ok)(?:dir)?$")
        and any($words[$at + 1:$at + 4][]; test("(?:^|[\\s/;])(?:rm|shred)(?:\\s|$)"))));
  def narrows: . as $words
    | any(range(length); . as $at | $words[.]
      | (. == "-empty" or (test("^-(?:i?(?:name|path|wholename|regex|lname)|size|xtype|[acm](?:time|min)|newer.*)$")
          and ($words[$at + 1] // "" | test("^[.*/]*$") | not)))
        and ($at == 0 or ($words[$at - 1] | test("^(?:!|-not)$") | not)));
  def find_refusal:
    map(select(test("^-(?:[HLP]|D.*|O.*)$") | not))
    | (map(test("^[-(!,]")) | index(true) // length) as $at
    | .[:$at] as $folders
    | reduce .[$at:][] as $word ([[]]; if $word | test("^(?:-or?|,)$") then . + [[]] else .[-1] += [$word] end)
    | if any(.[]; deletes and (narrows | not))
        and any(if $folders == [] then "." else $folders[] end; is_whole_tree) then
        "find that deletes a whole tree: say which files, with -name"
      else empty end;

  # What holds passwords and keys, but for examples of it; the word may be a pattern of the shell.
  def is_secret_file:
    (split("/") | last // "" | rtrimstr("*")) as $name
    | test("^(?:/var)?/run/secrets(?:/|$)|(?:^|/)\\.ssh/.")
      or ($name | test("^(?:\\.env(?!\\.(?:example|sample|template|dist)$)(?:\\..*)?|id_rsa|id_ed25519|\\.netrc|\\.npmrc|.+\\.pem)$"));
  # The files that a program prints. Of some the first word is what they look for or do.
  def searches: test("^(?:[ef]?grep|rg|ag|ack|sed|[gm]?awk|jq)$");
  def prints: searches or test("^(?:cat|tac|nl|head|tail|less|more|bat|batcat|cut|sort|uniq|strings|xxd|od|hexdump|base64|base32|diff|cmp)$");
  def quiet($program): any(.[]; ($program == "sed" and test("^(?:-[a-zA-Z]*i|--in-place)"))
    or (($program | test("grep$|^rg$")) and test("^(?:-[a-zA-Z]*[qlLc][a-zA-Z]*|--quiet|--silent|--count|--files-with(?:out)?-match(?:es)?)$")));
  def printed($program):
    if quiet($program) then []
    elif ($program | searches) and (any(.[]; test("^(?:-[a-zA-Z]*[ef]$|--(?:regexp|file|expression))")) | not) then
      map(select(startswith("-") | not)) | .[1:]
    else . end;

  def refusal:
    program as $program | .[1:] as $arguments
    | if $program == "git" then $arguments | git_refusal
      elif $program == "rm" and any($arguments[]; test("^(?:--recursive|-[a-zA-Z]*[rR][a-zA-Z]*)$"))
        and any($arguments[]; is_whole_tree) then "rm -r of a whole tree: name what is in it"
      elif $program == "find" then $arguments | find_refusal
      elif $program | test("^(?:mkfs(?:\\..+)?|fdisk|parted|wipefs)$") then "a command that overwrites a disk"
      elif $program == "dd" and any($arguments[]; test("^of=/dev/(?!(?:null|stdout|stderr)$)")) then
        "a command that overwrites a device"
      elif $program == "shred" and any($arguments[]; startswith("/dev/")) then "a command that overwrites a device"
      elif ($program | prints) and any($arguments | printed($program) | .[]; is_secret_file) then
        "what is in a file of secrets is not shown"
      else empty end;

  def command_verdict:
    without_documents
    | if test("\\b(?:git|rm|dd|mkfs|fdisk|parted|shred|wipefs)\\b|\\s-delete\\b|\\.(?:env|pem|netrc|npmrc|ssh)|id_(?:rsa|ed25519)|run/secrets") | not then "passes"
    elif length > 50000 then "a command that is too long to be judged: write it to a file and run that"
    else first(all_commands | candidates | refusal) // "passes" end;

  # Of a tool that reads, all but what it looks for are names of files.
  def reading_verdict:
    if [del(.pattern) | .. | strings] | any(is_secret_file) then "what is in a file of secrets is not shown" else "passes" end;

  (.tool_name // "") as $tool
  | .tool_input
  | if (.command | type) == "string" then .command | command_verdict
    elif type == "object" and ($tool | test("^(?:read|read_file|read_many_files|grep|grep_search)$")) then reading_verdict
    else error("there is no command") end
') 2>/dev/null
case $verdict in
  passes) exit 0 ;;
  '') refuse 'the call is not understood' ;;
  *) refuse "$verdict" ;;
esac
