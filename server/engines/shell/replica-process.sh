# Becomes the replica: records its identity, sets the limits, and runs the command in its own place. Needs identify.sh before it.
#
#   $1 the replica's folder   $2 shell text that sets the limits   then the command
identify > "$1/process" || exit 126
limits=$2
shift 2
eval "$limits"
exec "$@"
