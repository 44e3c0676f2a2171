function words_of(list) {
  if (list == "@tools") return "$(\"${COMP_WORDS[0]}\" tools 2>/dev/null </dev/null | awk '{ print $1 }')"
  return list
}
END {
  printf "# bash completion for %s; made from its --help.\n_%s() {\n", name, identifier
  print "  local current=${COMP_WORDS[COMP_CWORD]} previous=\"\" at=\"\" places=0 word i"
  print "  COMPREPLY=()"
  print "  for ((i = 1; i < COMP_CWORD; i++)); do"
  print "    word=${COMP_WORDS[i]}"
  print "    case \"$at|$previous\" in"
  pattern = ""
  for (p = 1; p <= path_count; p++)
    for (i = 1; i <= option_count[paths[p]]; i++) {
      key = "option" SUBSEP paths[p] SUBSEP i
      if (type[key] == "") continue
      count = split(names[key], parts, ",")
      for (k = 1; k <= count; k++) pattern = pattern (pattern == "" ? "" : " | ") "'" paths[p] "|" parts[k] "'"
    }
  if (pattern != "") printf "      %s) previous=$word; continue ;;\n", pattern
  print "    esac"
  print "    case \"$at|$word\" in"
  for (p = 1; p <= path_count; p++)
    for (i = 1; i <= command_count[paths[p]]; i++)
      printf "      '%s|%s') at='%s' places=0 ;;\n", paths[p], commands[paths[p], i], below(paths[p], commands[paths[p], i])
  print "      *'|-'*) ;;"
  print "      *) places=$((places + 1)) ;;"
  print "    esac"
  print "    previous=$word"
  print "  done"
  print "  case \"$at|$previous\" in"
  for (p = 1; p <= path_count; p++)
    for (i = 1; i <= option_count[paths[p]]; i++) {
      key = "option" SUBSEP paths[p] SUBSEP i
      if (type[key] == "") continue
      count = split(names[key], parts, ",")
      for (k = 1; k <= count; k++) {
        printf "    '%s|%s')\n", paths[p], parts[k]
        if (choices[key] != "") printf "      mapfile -t COMPREPLY < <(compgen -W \"%s\" -- \"$current\")\n", words_of(choices[key])
        else if (!number(type[key])) print "      compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$current\")"
        print "      return ;;"
      }
    }
  print "  esac"
  print "  if [[ $current == -* ]]; then"
  print "    case $at in"
  for (p = 1; p <= path_count; p++)
    printf "      '%s') mapfile -t COMPREPLY < <(compgen -W \"%s\" -- \"$current\") ;;\n", paths[p], option_words(paths[p])
  print "    esac"
  print "    return"
  print "  fi"
  print "  case \"$at|$places\" in"
  for (p = 1; p <= path_count; p++) {
    if (command_count[paths[p]])
      printf "    '%s|0') mapfile -t COMPREPLY < <(compgen -W \"%s\" -- \"$current\") ;;\n", paths[p], joined(paths[p])
    for (i = 1; i <= place_count[paths[p]]; i++) {
      key = "positional" SUBSEP paths[p] SUBSEP i
      if (choices[key] != "")
        printf "    '%s|%d') mapfile -t COMPREPLY < <(compgen -W \"%s\" -- \"$current\") ;;\n", paths[p], i - 1, words_of(choices[key])
    }
  }
  print "  esac"
  printf "}\ncomplete -F _%s %s\n", identifier, name
}
