# Fills a manual page (packaging/man/NAME.1.in) with what packaging/describe read from --help and with settings.tsv:
#   awk -f man.awk -v version=V -v name=NAME DESCRIPTION SETTINGS PAGE
# A line @SYNOPSIS@, @OPTIONS@, @COMMANDS@ or @ENVIRONMENT@ is replaced, @VERSION@ anywhere.
BEGIN { FS = "\t" }

function roff(text) {
  gsub(/\\/, "\\e", text)
  gsub(/-/, "\\-", text)
  gsub(/"/, "\\(dq", text)
  sub(/^[.']/, "\\\\\\&&", text)
  return text
}
function sentence(text) {
  # A name or an example at the beginning stays as it is written.
  if (text ~ /^[a-z]+[ ,;]/) text = toupper(substr(text, 1, 1)) substr(text, 2)
  return text ~ /[.!?]$/ ? text : text "."
}
# One entry: names in bold, the kind of value in italics, then what it is for.
function entry(row,   parts, count, i, names, value) {
  split(row, f, "\t")
  count = split(f[3], parts, ",")
  names = ""
  for (i = 1; i <= count; i++) names = names (i > 1 ? ", " : "") (f[1] == "option" ? "\\fB" : "\\fI") roff(parts[i]) "\\fR"
  value = f[1] == "option" && f[4] != "" ? " \\fI" roff(f[4]) "\\fR" : ""
  if (f[7] ~ /many/) value = value " ..."
  printf ".TP\n%s%s\n%s\n", names, value, roff(sentence(f[8]))
  if (f[5] != "") printf "One of %s.\n", roff(f[5])
  if (f[6] != "") printf "Default: %s.\n", roff(f[6])
}
function usage(path,   i, text) {
  text = "\\fB" roff(name (path == "" ? "" : " " path)) "\\fR"
  if (flags[path] > (path == "" ? 0 : 1)) text = text " [\\fIoptions\\fR]"
  for (i = 1; i <= places[path]; i++) {
    split(place[path, i], f, "\t")
    text = text " " (f[7] ~ /required/ ? "" : "[") "\\fI" roff(f[3]) "\\fR" (f[7] ~ /many/ ? " ..." : "") \
      (f[7] ~ /required/ ? "" : "]")
  }
  return text
}

FILENAME == ARGV[1] {
  if ($1 == "about") { paths[++path_count] = $2; about[$2] = $3 }
  if ($1 == "option") { flags[$2]++; options[$2] = options[$2] $0 "\n" }
  if ($1 == "positional") { place[$2, ++places[$2]] = $0 }
  if ($1 == "command") { commands[$2]++; under[$2] = under[$2] (under[$2] == "" ? "" : ", ") $3 }
  next
}
FILENAME == ARGV[2] {
  if ($1 !~ /^#/ && $1 != "") settings[++setting_count] = $0
  next
}
$0 == "@SYNOPSIS@" {
  for (i = 1; i <= path_count; i++) {
    path = paths[i]
    if (path != "" && commands[path]) continue
    if (i > 1) print ".br"
    print usage(path)
  }
  next
}
$0 == "@OPTIONS@" {
  count = split(options[""], rows, "\n")
  for (i = 1; i < count; i++) entry(rows[i])
  next
}
$0 == "@COMMANDS@" {
  for (i = 2; i <= path_count; i++) {
    path = paths[i]
    printf ".SS %s\n%s\n", roff(path), roff(sentence(about[path]))
    if (commands[path]) printf "Takes one of: %s.\n", roff(under[path])
    for (k = 1; k <= places[path]; k++) entry(place[path, k])
    count = split(options[path], rows, "\n")
    # --help is the same everywhere and stands at the top.
    for (k = 1; k < count; k++) if (rows[k] !~ /\t-h,--help\t/) entry(rows[k])
  }
  next
}
$0 == "@ENVIRONMENT@" {
  for (i = 1; i <= setting_count; i++) {
    split(settings[i], f, "\t")
    printf ".TP\n\\fB%s\\fR\n%s\n", roff(f[1]), roff(f[5])
  }
  next
}
{ gsub(/@VERSION@/, version); print }
