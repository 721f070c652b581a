"""Personal data stays sealed (promise 9): searched for, byte by byte, everywhere it could leak."""

import base64
import subprocess

import pytest

from support import case_number
from support.daemon import wait_for
from support.grievances import submission
from support.mail import MailServer
from support.messages import OF_TOPIC, DEAD
from support.system import PIPELINE


@pytest.fixture(scope="module")
def told(shared):
    """Some grievances carried through everything, at the most talkative log level."""
    mail = MailServer()
    for name in PIPELINE:
        shared.daemon(name).set(log__level="debug")
    shared.daemon("notification").set(**mail.settings)
    shared.start()
    secrets = []
    for serial in range(12):
        body, citizen = submission(f"privacy {serial}")
        key = f"order-{citizen.secret}"
        reply = shared.submit(body, key)
        secrets += [citizen.name, citizen.email, citizen.phone, citizen.street, citizen.secret,
                    body["subject"], body["description"], key, reply["receipt_code"],
                    reply["receipt_code"].replace("-", "")]
        number = case_number.read(reply["case_number"])
        shared.wait_archived(number)
        shared.track(reply["case_number"], reply["receipt_code"])
        wait_for("mail to the citizen", lambda: mail.to(citizen.email), 30)
    secrets += refused_submissions(shared)
    shared.mail = mail
    shared.secrets = secrets
    yield shared
    mail.close()


def refused_submissions(system):
    """What is refused must not be repeated in any log either."""
    body, citizen = submission("refused")
    body["contact"]["email"] = f"{citizen.secret} is no address"
    assert system.post(body).status_code in (400, 422)
    assert system.post({**body, "subject": citizen.secret * 1000}).status_code in (400, 413, 422)
    assert system.post({citizen.secret: citizen.name}).status_code in (400, 422)
    return [citizen.secret, citizen.name]


def needles(secret):
    """How it could be written: as it is, in hex (bytea), in base64, in either case."""
    plain = secret.encode()
    yield plain.lower()
    yield plain.hex().encode()
    if len(plain) > 8:
        yield base64.b64encode(plain)[:-4].lower()


def assert_clean(where, data, secrets):
    low = data.lower()
    for secret in secrets:
        for needle in needles(secret):
            at = low.find(needle)
            assert at < 0, f"{where} shows {secret!r}: {data[max(0, at - 80):at + 80]!r}"


def test_the_search_itself_finds_what_is_there():
    for leak in (b"x QuarreL.1@Example.org", b"\\x" + b"quarrel.1@example.org".hex().encode(),
                 b"=" + base64.b64encode(b"quarrel.1@example.org")):
        with pytest.raises(AssertionError):
            assert_clean("here", leak, ["quarrel.1@example.org"])


@pytest.mark.parametrize("name", PIPELINE)
def test_logs_and_metrics(told, name):
    daemon = told.daemon(name)
    assert daemon.log() and "level=debug" in daemon.log() or name
    assert_clean(f"the log of {name}", daemon.log_path.read_bytes(), told.secrets)
    metrics = daemon.metrics_text()
    assert metrics
    assert_clean(f"the metrics of {name}", metrics.encode(), told.secrets)


@pytest.mark.parametrize("topic", [*OF_TOPIC, *(topic + DEAD for topic in OF_TOPIC)])
def test_kafka(told, topic):
    messages = told.topics.read(topic)
    assert messages or topic.endswith(DEAD)
    for message in messages:
        parts = [message.key() or b"", message.value() or b""]
        parts += [part for name, value in message.headers() or ()
                  for part in (name.encode(), value or b"")]
        assert_clean(f"{topic}", b"\0".join(parts), told.secrets)


def test_keys_and_headers_are_what_they_should_be(told):
    for topic in ("grievances.received", "cases.commands", "cases.events"):
        for message in told.topics.read(topic):
            case_number.read(message.key().decode())
            assert {name for name, _ in message.headers()} <= {
                "ce_id", "ce_type", "ce_source", "ce_time", "ce_specversion", "content-type",
                "traceparent"}


def redis_value(redis, key):
    kind = redis.type(key)
    if kind == b"string":
        return redis.get(key)
    if kind == b"hash":
        return b"\0".join(part for pair in redis.hgetall(key).items() for part in pair)
    if kind == b"zset":
        return b"\0".join(redis.zrange(key, 0, -1))
    if kind == b"set":
        return b"\0".join(redis.smembers(key))
    if kind == b"list":
        return b"\0".join(redis.lrange(key, 0, -1))
    if kind == b"stream":
        return repr(redis.xrange(key)).encode()
    raise AssertionError(f"{key}: a {kind}")


def test_redis(told):
    keys = list(told.redis.scan_iter(count=1000))
    assert len(keys) > 12
    for key in keys:
        assert_clean(f"Redis {key}", key + b"\0" + (redis_value(told.redis, key) or b""),
                     told.secrets)


def test_postgresql(told):
    dump = subprocess.run(["pg_dump", told.servers.conninfo(told.name)], capture_output=True,
                          check=True).stdout
    assert b"COPY" in dump and len(dump) > 10000
    assert_clean("PostgreSQL", dump, told.secrets)


def test_only_the_roles_that_need_it_can_read(told):
    """The desk reads both parts, classification no contact, notification no text."""
    received = told.topics.decoded("grievances.received")[0]
    grievance, epoch, key = received.grievance, received.epoch, received.key
    desk = told.role("officer")
    text = desk.text(epoch, key, grievance.number, grievance.sealed_text)
    contact = desk.contact(epoch, key, grievance.number, grievance.sealed_contact)
    assert text.description in told.secrets and contact.email in told.secrets
    mine = told.role("classification").text(epoch, key, grievance.number, grievance.sealed_text)
    assert mine == text
    assert told.role("notification").contact(epoch, key, grievance.number,
                                             grievance.sealed_contact) == contact
    assert not hasattr(epoch, "contact_for_classification")
    assert not hasattr(epoch, "text_for_notification")


def test_events_that_are_kept_for_ever_carry_no_key(told):
    keys = {key for received in told.topics.decoded("grievances.received")
            for key in (received.key.text_key, received.key.contact_key, received.key.epoch_id)}
    for topic in ("cases.commands", "cases.events", "notifications.outcomes"):
        for message in told.topics.read(topic):
            assert not any(key in message.value() for key in keys)
