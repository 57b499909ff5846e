#!/bin/bash
# Runs a command with another release's root file system as /, in the mount namespace it is called in. What changes in it goes to
# SCRATCH/changes. Of the machine, /tmp, SCRATCH and the directories SHARED can be seen, where they were, without what is mounted below.
# usage: with_release.sh ROOTFS SCRATCH SHARED… -- CMD…
set -euo pipefail

rootfs=$1 scratch=$2 here=$PWD
shift 2
root=$scratch/release

share() {
  mkdir -p "$root$1"
  mount --bind "$1" "$root$1"
}

mkdir "$scratch"/{release,changes,work}
mount -t overlay overlay -o "lowerdir=$rootfs,upperdir=$scratch/changes,workdir=$scratch/work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
share /tmp
share "$scratch"
while [[ $1 != -- ]]; do
  share "$1"
  shift
done
shift
cd "$root"
pivot_root . mnt
umount -l /mnt
cd "$here" 2>/dev/null || cd /
exec "$@"
