# For docker-compose.yml, as root in a container of its own: the keys and passwords that are missing, each in
# the volume of who needs it and of nobody else.
umask 077
redress=$(id -u redress) postgres=999   # of the images
for name in intake classification notification archival portal casework; do
  redress-keys /all-keys "$name" "/secrets/$name"
done
mkdir -p /secrets/administrator
for role in owner notification archival portal casework administrator; do
  [ -s "/secrets/$role/postgres.password" ] ||
    head -c 18 /dev/urandom | base64 | tr -d '/+=\n' >"/secrets/$role/postgres.password"
  cp "/secrets/$role/postgres.password" "/passwords/redress_$role"
done
[ -s /passwords/postgres ] || head -c 18 /dev/urandom | base64 | tr -d '/+=\n' >/passwords/postgres
chown -R "$redress" /secrets/*
chown -R "$postgres" /passwords
