#!/bin/bash
# Evaluates a stage spec inside a builder, and writes down what it says: which stages, in which order, at which
# lines, with which exported variables, and all complaints. It owns the format of /work/result: records of
#
#     TYPE NUL FILE NUL LINE NUL COUNT NUL ARGUMENT NUL …
#
# The source tree is a throw-away fork at /work/build. It is bound to /build, where stages see it later too: so a
# path that a config.sh persists is right when its stage is applied. Exits with 0 whatever the spec says: what is
# wrong with it stands in the records.
#
#     driver.bash SPEC        path of the spec, relative to the tree

_cambium_driver=${BASH_SOURCE[0]}
_cambium_result=/work/result
_cambium_file='' _cambium_line=0 _cambium_before=('' 0)
spec=/build/$1
base_dir=/build
stages_dir=/build/stages
settings_file=/build/etc/settings.bash
set --

: >"$_cambium_result"
mkdir -p /build /work/output
mount --bind /work/build /build || exit 1
cd /build || exit 1

_cambium_record() {
  local type=$1
  shift
  printf '%s\0' "$type" "$_cambium_file" "$_cambium_line" "$#" "$@" >>"$_cambium_result"
}

# What a stage's folder holds, its persisted settings left out: tells whether config.sh made files of its own.
_cambium_list() {
  (cd "$1" && find . ! -path ./assets ! -path ./assets/settings.bash \
    \( -type d -printf '%p\n' -o -printf '%p %s %C@ %m %l\n' \) | LC_ALL=C sort)
}

# The words of a spec ------------------------------------------------------------------------------------------

stage() {
  _cambium_record stage "$@"
  local name
  while read -r name; do
    [[ ${_cambium_exported[$name]-} == "=${!name}" ]] || _cambium_record export "$name" "${!name}"
  done < <(compgen -e)
  [[ $# -eq 1 && $1 != */* && -x stages/$1/config.sh ]] || return 0
  _cambium_configure "$1"
}

image() { _cambium_record image "$@"; }
base() { _cambium_record base "$@"; }
builder() { _cambium_record builder "$@"; }
extra_input() { _cambium_record extra_input "$@"; }
compute() { _cambium_record compute "$@"; }
warm() { _cambium_record warm "$@"; }

# Runs a stage's config.sh; once, unless the exported variables changed since.
_cambium_configure() {
  local name=$1 status=0 before after seen
  seen="$name $(export -p)"
  [[ -z ${_cambium_configured[$seen]-} ]] || return 0
  _cambium_configured[$seen]=1
  before=$(_cambium_list "stages/$name")
  "/build/stages/$name/config.sh" "$settings_file" >/work/output/config 2>&1 </dev/null || status=$?
  cat /work/output/config
  if ((status != 0)); then
    _cambium_record config-failed "$name" "$status" "$(tail -c 8000 /work/output/config | tr -d '\0')"
  fi
  after=$(_cambium_list "stages/$name")
  [[ $before == "$after" ]] || _cambium_record changed "$name"
}

# Evaluation ---------------------------------------------------------------------------------------------------

_cambium_end() {
  trap - DEBUG
  _cambium_file=${_cambium_before[0]} _cambium_line=${_cambium_before[1]}
  _cambium_record end "$1"
}

_cambium_syntax=0
for _cambium_source in "$settings_file" "$spec"; do
  if ! _cambium_text=$(bash -n "$_cambium_source" 2>&1); then
    _cambium_file=$_cambium_source
    _cambium_record syntax "$_cambium_text"
    _cambium_syntax=1
  fi
done
((_cambium_syntax == 0)) || exit 0
_cambium_file=''

declare -A _cambium_exported=() _cambium_configured=()
for _cambium_name in $(compgen -e) OLDPWD PWD SHLVL _; do
  _cambium_exported[$_cambium_name]="=${!_cambium_name-}"
done

(
  # DEBUG runs before each command: the last place seen outside of this file is where a failure happened. It runs
  # for the EXIT trap too, which has no place of its own: so the end takes the one before.
  set -euT
  trap '_cambium_end $?' EXIT
  # In one line: each line of a trap would count in LINENO.
  trap '[[ ${BASH_SOURCE[0]} == "$_cambium_driver" ]] || { _cambium_before=("$_cambium_file" "$_cambium_line"); _cambium_file=${BASH_SOURCE[0]} _cambium_line=$LINENO; }' DEBUG
  source "$settings_file"
  source "$spec"
) </dev/null 2>/work/output/stderr
_cambium_status=$?
cat /work/output/stderr >&2
_cambium_record status "$_cambium_status" "$(tail -c 8000 /work/output/stderr | tr -d '\0')"
exit 0
