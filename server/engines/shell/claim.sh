# Defines `claim`. It claims the record in the folder $1 for this shell, or exits with 125 (TOO_LATE in claim.ts) when the record was
# abandoned. Needs identify.sh before it.
claim() {
  identify > "$1/claim.$$" && ln "$1/claim.$$" "$1/claim" 2>/dev/null
  claimed=$?
  rm -f "$1/claim.$$"
  [ "$claimed" = 0 ] || exit 125
}
