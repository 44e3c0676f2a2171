function quoted(string) { gsub(/'/, "'\\''", string); return "'" string "'" }
function plain(string) { gsub(/[\[\]:\\]/, "\\\\&", string); return string }
function action(list) { return list == "" ? "_files" : "(" list ")" }
END {
  printf "#compdef %s\n# zsh completion for %s; made from its --help.\n_%s() {\n", name, name, identifier
  print "  local at=\"\" depth=1 i program=$words[1]"
  print "  local -a offered"
  print "  for ((i = 2; i < CURRENT; i++)); do"
  print "    case \"$at|$words[i]\" in"
  for (p = 1; p <= path_count; p++)
    for (i = 1; i <= command_count[paths[p]]; i++)
      printf "      %s) at=%s depth=$i ;;\n", quoted(paths[p] "|" commands[paths[p], i]), quoted(below(paths[p], commands[paths[p], i]))
  print "    esac"
  print "  done"
  print "  words=(\"${(@)words[depth,-1]}\")"
  print "  ((CURRENT -= depth - 1))"
  print "  case $at in"
  for (p = 1; p <= path_count; p++) {
    path = paths[p]
    printf "    %s)\n", quoted(path)
    if (command_count[path]) {
      print "      offered=("
      for (i = 1; i <= command_count[path]; i++)
        printf "        %s\n", quoted(commands[path, i] ":" plain(command_text[path, commands[path, i]]))
      print "      )"
      print "      if [[ $words[CURRENT] != -* ]]; then _describe command offered; return; fi"
    }
    printf "      _arguments -S"
    for (i = 1; i <= option_count[path]; i++) {
      key = "option" SUBSEP path SUBSEP i
      count = split(names[key], parts, ",")
      for (k = 1; k <= count; k++) {
        spec = (how[key] ~ /many/ ? "*" : "") parts[k] "[" plain(text[key]) "]"
        if (type[key] != "") spec = spec ":" tolower(type[key]) ":" (number(type[key]) ? "" : action(choices[key]))
        printf " \\\n        %s", quoted(spec)
      }
    }
    for (i = 1; i <= place_count[path]; i++) {
      key = "positional" SUBSEP path SUBSEP i
      spec = (how[key] ~ /many/ ? "*" : i) ":" names[key] ":" (choices[key] == "" ? "" : action(choices[key]))
      # The names of the tools are asked for when they are needed.
      printf " \\\n        %s", choices[key] == "@tools" ? "\"" i ":" names[key] ":($(\"$program\" tools 2>/dev/null </dev/null | awk '{ print $1 }'))\"" : quoted(spec)
    }
    print "\n      ;;"
  }
  print "  esac"
  printf "}\n_%s \"$@\"\n", identifier
}
