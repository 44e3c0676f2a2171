# Shared by bash.awk, zsh.awk and fish.awk: reads VALUES and DESCRIPTION into tables, in the order of --help.
#   awk -f common.awk -f SHELL.awk -v name=NAME VALUES DESCRIPTION
BEGIN { FS = "\t"; identifier = name; gsub(/[^A-Za-z0-9]/, "_", identifier) }

FILENAME == ARGV[1] {
  if ($1 == name) values[$2, $3] = $4
  next
}
$1 == "about" { paths[++path_count] = $2 }
$1 == "command" { commands[$2, ++command_count[$2]] = $3; command_text[$2, $3] = $4 }
$1 == "option" || $1 == "positional" {
  count = $1 == "option" ? ++option_count[$2] : ++place_count[$2]
  key = $1 SUBSEP $2 SUBSEP count
  names[key] = $3
  type[key] = $4
  how[key] = $7
  text[key] = $8
  choices[key] = $5
  parts_count = split($3, parts, ",")
  for (i = 1; i <= parts_count; i++) if (choices[key] == "") choices[key] = values[$2, parts[i]]
}

function joined(path,   i, out) {
  out = ""
  for (i = 1; i <= command_count[path]; i++) out = out (i > 1 ? " " : "") commands[path, i]
  return out
}
function option_words(path,   i, out, one) {
  out = ""
  for (i = 1; i <= option_count[path]; i++) {
    one = names["option" SUBSEP path SUBSEP i]
    gsub(/,/, " ", one)
    out = out (i > 1 ? " " : "") one
  }
  return out
}
function below(path, command) { return path == "" ? command : path " " command }
# Nothing to offer for a number.
function number(kind) { return kind ~ /^(U?INT|FLOAT|NUMBER)$/ }
