function quoted(string) { gsub(/\\/, "\\\\", string); gsub(/'/, "\\'", string); return "'" string "'" }
function action(list) {
  return list == "@tools" ? "(" name " tools 2>/dev/null </dev/null | string replace -r \" .*\" \"\")" : list
}
END {
  printf "# fish completion for %s; made from its --help.\n", name
  printf "function __%s_at -d 'whether the command line so far names this command'\n", identifier
  print "  set -l at ''"
  print "  set -l line (commandline -opc)"
  print "  for word in $line[2..-1]"
  print "    switch \"$at|$word\""
  for (p = 1; p <= path_count; p++)
    for (i = 1; i <= command_count[paths[p]]; i++)
      printf "      case %s\n        set at %s\n", quoted(paths[p] "|" commands[paths[p], i]), quoted(below(paths[p], commands[paths[p], i]))
  print "    end\n  end"
  print "  test \"$at\" = \"$argv[1]\"\nend\n"
  printf "complete -c %s -f\n", name
  for (p = 1; p <= path_count; p++) {
    path = paths[p]
    condition = quoted("__" identifier "_at \"" path "\"")
    for (i = 1; i <= command_count[path]; i++)
      printf "complete -c %s -n %s -a %s -d %s\n", name, condition, commands[path, i], quoted(command_text[path, commands[path, i]])
    for (i = 1; i <= option_count[path]; i++) {
      key = "option" SUBSEP path SUBSEP i
      printf "complete -c %s -n %s", name, condition
      count = split(names[key], parts, ",")
      for (k = 1; k <= count; k++)
        printf " %s", parts[k] ~ /^--/ ? "-l " substr(parts[k], 3) : "-s " substr(parts[k], 2)
      if (type[key] != "") {
        if (choices[key] != "") printf " -x -a %s", quoted(action(choices[key]))
        else printf number(type[key]) ? " -x" : " -r -F"
      }
      printf " -d %s\n", quoted(text[key])
    }
    for (i = 1; i <= place_count[path]; i++) {
      key = "positional" SUBSEP path SUBSEP i
      if (choices[key] != "") printf "complete -c %s -n %s -a %s -d %s\n", name, condition, quoted(action(choices[key])), quoted(text[key])
    }
  }
}
