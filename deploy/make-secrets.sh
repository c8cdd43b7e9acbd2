#!/bin/sh
# Writes the secrets of docker-compose.yml into deploy/secrets, or into the folder that is named. What is there already
# stays: the master key cannot be made again, and without it the signing keys in the database are lost. Keep a copy of
# master_keys where the database's backups are not.
set -eu
folder=${1:-$(dirname "$0")/secrets}
umask 077
mkdir -p "$folder"
chmod 700 "$folder"

keep_or_write() { # keep_or_write NAME TEXT
  if [ -e "$folder/$1" ]; then
    echo "was there: $folder/$1"
  else
    # Written beside and moved: a file is whole or not there. Readable to all, for containers run as another user; the
    # folder lets nobody else in.
    printf '%s\n' "$2" >"$folder/$1.part"
    chmod 444 "$folder/$1.part"
    mv "$folder/$1.part" "$folder/$1"
    echo "written:   $folder/$1"
  fi
}

random_hex() { od -An -tx1 -N "$1" /dev/urandom | tr -d ' \n'; }
random_base64() { head -c "$1" /dev/urandom | base64 | tr -d '\n'; }

keep_or_write master_keys "$(date +%Y-%m):$(random_base64 32)"
keep_or_write regent_server_password "$(random_hex 24)"
# Within the network of the compose file nothing is encrypted, and it says so.
keep_or_write database_url \
  "postgres://regent_server:$(cat "$folder/regent_server_password")@postgres:5432/regent?sslmode=disable"
keep_or_write database_admin_url 'postgres://postgres:regent@postgres:5432/regent?sslmode=disable'
