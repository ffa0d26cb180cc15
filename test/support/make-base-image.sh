#!/usr/bin/env bash
# Makes a base image for the Dockerfile out of this machine's own Node and libraries, where no image registry can be reached:
#   test/support/make-base-image.sh localhost/pilothouse-base
#   podman build --build-arg BASE=localhost/pilothouse-base …
# Needs podman and a Node with npm; Linux with glibc.
set -euo pipefail
name=${1:-localhost/pilothouse-base}
rootfs=$(mktemp -d)
trap 'rm -rf "$rootfs"' EXIT

# What npm's scripts, the replicas' shim and the embedded PostgreSQL call.
programs=(node sh bash env ls cat cp mv rm ln mkdir rmdir chmod chown touch head tail tr sort uname id mktemp sleep true false dirname basename readlink
  test expr date wc cut grep sed find ps kill unshare setpriv nice)

copy() { # a file and, where it is a link, what it leads to, at the same place
  local file=$1
  while :; do
    mkdir -p "$rootfs$(dirname "$file")"
    cp -a --no-clobber "$file" "$rootfs$file"
    [ -L "$file" ] || break
    case $(readlink "$file") in
      /*) file=$(readlink "$file") ;;
      *) file=$(realpath -s "$(dirname "$file")/$(readlink "$file")") ;;
    esac
  done
}

# Debian has /bin and /lib as links into /usr; so must the image, or its loader is not where every program looks for it.
for folder in bin sbin lib lib64; do
  if [ -L "/$folder" ]; then mkdir -p "$rootfs/$(readlink "/$folder" | sed 's,^/,,')" && ln -s "$(readlink "/$folder")" "$rootfs/$folder"; fi
done

libraries() { ldd "$1" 2>/dev/null | grep -o '/[^ ]*' || true; }
for program in "${programs[@]}"; do
  path=$(type -P "$program") || continue
  path=$(realpath -s "$path")
  copy "$path"
  for library in $(libraries "$(realpath "$path")"); do copy "$(realpath -s "$library")"; done
done
# Opened by name while running, so that ldd does not list them; and those of the native modules.
for library in libnss_files.so.2 libnss_dns.so.2 libresolv.so.2 libstdc++.so.6 libgcc_s.so.1 libgomp.so.1 librt.so.1 libpthread.so.0 libdl.so.2 libm.so.6; do
  path=$(ldconfig -p | awk -v l="$library" '$1 == l && !found { print $NF; found = 1 }')
  [ -z "$path" ] || copy "$path"
done

npm=$(dirname "$(dirname "$(realpath "$(type -P npm)")")")
mkdir -p "$rootfs$npm" "$rootfs/usr/bin"
cp -a "$npm/." "$rootfs$npm/"
ln -sf "$npm/bin/npm-cli.js" "$rootfs/usr/bin/npm"
ln -sf "$npm/bin/npx-cli.js" "$rootfs/usr/bin/npx"
[ -e "$rootfs/usr/bin/node" ] || { mkdir -p "$rootfs/usr/bin"; ln -s "$(type -P node)" "$rootfs/usr/bin/node"; }

mkdir -p "$rootfs"/{tmp,root,etc/ssl/certs,proc,sys,dev,run,var/lib,var/tmp,usr/share/zoneinfo}
chmod 1777 "$rootfs/tmp" "$rootfs/var/tmp"
[ ! -f /etc/ssl/certs/ca-certificates.crt ] || cp -L /etc/ssl/certs/ca-certificates.crt "$rootfs/etc/ssl/certs/"
echo 'root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/bin/false' > "$rootfs/etc/passwd"
echo 'root:x:0:
nogroup:x:65534:' > "$rootfs/etc/group"
echo 'hosts: files dns' > "$rootfs/etc/nsswitch.conf"
# How npm reaches its registry from this machine: certificates, proxies.
settings=$(npm config get globalconfig 2>/dev/null)
[ ! -f "$settings" ] || { mkdir -p "$rootfs$(dirname "$settings")" && cp -L "$settings" "$rootfs$settings"; }
! [ -f /etc/ld.so.conf ] || cp /etc/ld.so.conf "$rootfs/etc/"

tar -C "$rootfs" --numeric-owner --owner=0 --group=0 -c . | podman import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$name"
