# For config.sh: checks of settings, and the functions that hand them on to the stage. $1 is the settings file.
source "${BASH_SOURCE[0]%/*}/prelude_common.bash"
source "${BASH_SOURCE[0]%/*}/helpers.sh"
source "$1"

mkdir -p "$assets_dir"
echo "# Made from this build's settings." >"$settings_file"

# fail MESSAGE: ends the configuration of this stage.
fail() {
  printf '%s: %s\n' "$(basename "$dir")" "$1" >&2
  exit 1
}

# assert_available PROGRAM
assert_available() {
  command -v "$1" >/dev/null || fail "the program $1 is not available"
}

# assert_value NAME: the setting is there and not empty.
assert_value() {
  [[ -n ${!1:-} ]] || fail "the setting $1 is empty or missing"
}

# assert_dir NAME, assert_file NAME: the setting is the path of a folder, of a file.
assert_dir() {
  assert_value "$1"
  [[ -d ${!1} ]] || fail "the setting $1 is not a folder: ${!1}"
}

assert_file() {
  assert_value "$1"
  [[ -f ${!1} ]] || fail "the setting $1 is not a file: ${!1}"
}

# persist NAME: hands a setting on to the stage, whatever its value holds; empty when it is not set.
persist() {
  local value=${!1:-} quote="'\\''"
  printf "%s='%s'\n" "$1" "${value//\'/"$quote"}" >>"$settings_file"
}

persist_value() {
  assert_value "$1"
  persist "$1"
}

persist_dir() {
  assert_dir "$1"
  persist "$1"
}

persist_file() {
  assert_file "$1"
  persist "$1"
}
