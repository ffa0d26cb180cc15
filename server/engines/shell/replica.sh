# The shell around a replica: claims the record, runs the replica, and writes down the exit code. Needs identify.sh and claim.sh before it.
#
#   $1 the replica's folder   $2 the text of replica-process.sh   $3 shell text that sets the limits   then the command
#
# The traps keep this shell alive for the exit code when somebody signals the whole group. A caught signal, unlike an ignored one, has
# its default effect in the child again.
claim "$1"
trap : TERM INT HUP
folder=$1
inner=$2
shift 2
sh -c "$inner" pilothouse-replica "$folder" "$@"
printf '%s\n' "$?" 2>/dev/null > "$folder/exit"
