#!/bin/bash
# For docker-compose.yml, when PostgreSQL's data folder is made: the roles' passwords, and the database.
set -eu
for file in /passwords/redress_*; do
  # by standard input: not in the arguments, where everybody could read it
  echo "ALTER ROLE $(basename "$file") PASSWORD '$(cat "$file")'" | psql -X -q -v ON_ERROR_STOP=1 -U postgres
done
psql -X -q -v ON_ERROR_STOP=1 -U postgres -c 'CREATE DATABASE redress OWNER redress_owner'
