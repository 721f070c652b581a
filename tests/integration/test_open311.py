"""Open311 GeoReport v2 as clients speak it: numbers are those of the checklist that the tests were made from,
which follows the specification (https://wiki.open311.org/GeoReport_v2/) and what clients are seen to send."""

import datetime
import json
import re
import xml.etree.ElementTree as ElementTree

import pytest
import requests

from support import case_number
from support.daemon import wait_for

KEY, OTHER = "harbour-city-0123456789", "hill-city-0123456789abc"
HERE = {"lat": "48.2055", "long": "16.3700"}
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")


class Client:
    """One who holds a key, or nobody in particular."""

    def __init__(self, system, key=None):
        self.system, self.key = system, key
        self.base = f"http://127.0.0.1:{system.portal_port}/open311/v2/"

    def get(self, path, **arguments):
        if self.key:
            arguments["api_key"] = self.key
        return requests.get(self.base + path, params=arguments, timeout=60)

    def post(self, form, path="requests.json", **kwargs):
        fields = list(form.items()) if isinstance(form, dict) else list(form)
        if self.key:
            fields.append(("api_key", self.key))
        kwargs.setdefault("data", fields)
        return requests.post(self.base + path, timeout=60, **kwargs)

    def send(self, **form):
        reply = self.post({"service_code": "lighting", "description": "The lamp is out.", **HERE, **form})
        assert reply.status_code == 200, reply.text
        return reply.json()[0]

    def one(self, number, **arguments):
        """The case once the record has it."""
        wait_for("it is in the record", lambda: self.get(f"requests/{number}.json").status_code == 200, 60, 0.1)
        return self.get(f"requests/{number}.json", **arguments).json()[0]


@pytest.fixture(scope="module")
def town(shared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("open311")
    keys = folder / "keys"
    keys.write_text(f"# who sends\nharbour-city {KEY}\n\nhill-city\t{OTHER}\n")
    keys.chmod(0o600)
    shared.settings |= {"open311.keys": keys, "open311.contact": "open311@redress.example"}
    return shared.start()


@pytest.fixture(scope="module")
def city(town):
    return Client(town, KEY)


@pytest.fixture(scope="module")
def anybody(town):
    return Client(town)


def xml(reply, status=200):
    assert reply.status_code == status, reply.text
    assert reply.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert reply.text.startswith('<?xml version="1.0" encoding="utf-8"?>')
    return ElementTree.fromstring(reply.content)


def tree(element):
    """XML as JSON has it, by the rules of the specification: lists lose their wrappers, empty is null."""
    lists = {"service_requests", "services", "attributes", "values", "errors", "endpoints", "formats",
             "service_request_updates"}
    if element.tag in lists:
        return [tree(child) for child in element]
    return {child.tag: tree(child) for child in element} if len(element) else element.text


def texts(value):
    """JSON's values as XML writes them."""
    if isinstance(value, dict):
        return {name: texts(one) for name, one in value.items()}
    if isinstance(value, list):
        return [texts(one) for one in value]
    return value if value is None or isinstance(value, str) else json.dumps(value)


def same(client, path, **arguments):
    """Both forms say the same (1, 2, 5)."""
    reply = client.get(path + ".json", **arguments)
    assert reply.status_code == 200 and reply.headers["Content-Type"] == "application/json; charset=utf-8"
    told = tree(xml(client.get(path + ".xml", **arguments))) or []
    empty = lambda value: None if value in ("", []) else value      # XML does not tell them apart
    clean = lambda value: ({name: clean(one) for name, one in value.items()} if isinstance(value, dict)
                           else [clean(one) for one in value] or None if isinstance(value, list) else empty(value))
    assert clean(told) == clean(texts(reply.json()))
    return reply.json()


# ---- discovery and services


def test_7_8_discovery(anybody):
    found = same(anybody, "discovery")
    assert found["contact"] == "open311@redress.example" and DATE.fullmatch(found["changeset"])
    endpoint, = found["endpoints"]
    assert endpoint["specification"] == "http://wiki.open311.org/GeoReport_v2"
    assert endpoint["url"] + "/" == anybody.base and endpoint["type"] == "production"
    assert set(endpoint["formats"]) == {"text/xml", "application/json"}


def test_9_services(anybody):
    services = {one["service_code"]: one for one in same(anybody, "services", jurisdiction_id="any")}
    lighting, police = services["lighting"], services["police"]
    assert lighting["metadata"] is True and police["metadata"] is False
    assert lighting["type"] == "realtime" and lighting["service_name"] == "Street lighting" and lighting["group"]
    # what may not be shown to everybody is said to be so, for systems that would show it
    assert lighting["keywords"] == "" and police["keywords"] == "private"


def test_11_definition(anybody):
    definition = same(anybody, "services/lighting")
    assert definition["service_code"] == "lighting"
    pole, extent = definition["attributes"]
    assert pole["variable"] is True and pole["datatype"] == "string" and pole["required"] is False
    assert [pole["order"], extent["order"]] == [1, 2]
    assert extent["values"] == [{"key": "one", "name": "One"}, {"key": "street", "name": "The whole street"}]


def test_names_are_in_the_language_that_is_asked_for(anybody):
    reply = requests.get(anybody.base + "services/water.json", headers={"Accept-Language": "de"}, timeout=60)
    assert reply.json()["attributes"][0]["description"] == "Läuft überhaupt Wasser?"


@pytest.mark.parametrize("path", ["services/none.json", "services/none.xml", "requests/04K7M-2Q9RT-WXYZ1.xml",
                                  "requests/1.json", "tokens/1.xml", "services/lighting.csv", "services/lighting"])
def test_12_22_23_what_is_not_there(anybody, path):
    reply = anybody.get(path)
    assert reply.status_code == 404
    if path.endswith(".json"):
        error, = reply.json()
    else:
        root = xml(reply, 404)
        error, = tree(root)
        assert root.tag == "errors"
    assert str(error["code"]) == "404" and error["description"]


# ---- sending


def test_14_16_a_request_is_taken(town, city):
    told = city.send()
    assert re.fullmatch(r"[0-9A-Z-]+", told["service_request_id"]) and "token" not in told
    case = town.track(told["service_request_id"], told["receipt_code"])     # the citizen can open it
    assert case["case_number"] == told["service_request_id"]
    number = case_number.read(told["service_request_id"])
    town.wait_archived(number, 1)
    row, = town.sql("SELECT channel, sender, service_code FROM grievances WHERE number = %s", number)
    assert row == ("open311", "harbour-city", "lighting")


def test_14_as_xml(city):
    root = xml(city.post({"service_code": "roads", "address_string": "Mill Lane 3", "description": "A <hole> & more"},
                         "requests.xml"))
    assert root.tag == "service_requests" and [child.tag for child in root] == ["request"]
    assert case_number.read(root[0].find("service_request_id").text)
    assert root[0].find("service_notice").text is None


def opened(town, told):
    """What an officer reads of it."""
    number = case_number.read(told["service_request_id"])
    town.wait_archived(number, 1)
    return town.tool("officer", "show", told["service_request_id"]).stdout


def test_13_everything_that_is_sent_arrives(town, city):
    form = [("service_code", "lighting"), ("lat", "48.20551"), ("long", "16.37001"), ("address_string", "Mill Lane 3"),
            ("attribute[pole]", "L-77"), ("attribute[extent]", "street"), ("attribute[uprn]", "100021"),
            ("email", "ann@redress.example"), ("first_name", "Ann"), ("last_name", "Quarrel"),
            ("phone", "01 234 56 78"), ("device_id", "x"), ("deviceid", "y"), ("account_id", "z"),
            ("media_url", "https://pictures.example/1.jpg"), ("media_url", "https://pictures.example/2.jpg"),
            ("description", "Dark\nsince Monday"), ("jurisdiction_id", "")]
    reply = city.post(form)
    assert reply.status_code == 200, reply.text
    shown = opened(town, reply.json()[0])
    for text in ("Dark", "since Monday", "Mill Lane 3", "L-77", "uprn: 100021", "phone: 01 234 56 78",
                 "https://pictures.example/1.jpg", "https://pictures.example/2.jpg", "Ann Quarrel", "ann@redress.example"):
        assert text in shown, text


@pytest.mark.parametrize("form", [
    [("attribute[extent]", "one")], [("attribute[extent][]", "one")], [("attribute[extent]", "")]])
def test_13_attributes_are_written_in_several_ways(city, form):
    assert city.post([("service_code", "lighting"), *HERE.items(), ("description", "x"), *form]).status_code == 200


def test_13_multipart_as_fixmystreet_sends_it(town, city):
    fields = {"service_code": "lighting", **HERE, "description": "Dark – since Monday\r\n& more",
              "address_id": "#NOTPINPOINTED#", "api_key": KEY}
    reply = city.post({}, "requests.xml", data=None, files={name: (None, value) for name, value in fields.items()})
    root = xml(reply)
    shown = opened(town, {"service_request_id": root[0].find("service_request_id").text})
    assert "Dark – since Monday" in shown and "& more" in shown
    # a picture that could not be kept is not passed over in silence
    reply = city.post({}, data=fields, files={"photo1": ("a.jpg", b"\xff\xd8", "image/jpeg")})
    assert reply.status_code == 400 and "photo1" in reply.json()[0]["description"]


def test_13_arguments_in_the_query(city):
    """npm open311 sends some of them there."""
    reply = requests.post(city.base + "requests.json", params={"api_key": KEY, "jurisdiction_id": "x"}, timeout=60,
                          data={"service_code": "roads", **HERE, "description": "A hole"})
    assert reply.status_code == 200


@pytest.mark.parametrize("form, status, names", [
    ({"service_code": "none", **HERE}, 404, "service_code"), ({**HERE}, 400, "service_code"),
    ({"service_code": "", **HERE}, 400, "service_code"),
    ({"service_code": "roads"}, 400, "lat"), ({"service_code": "roads", "lat": "48.2"}, 400, "long"),
    ({"service_code": "roads", "lat": "north", "long": "1"}, 400, "lat"),
    ({"service_code": "roads", "lat": "91", "long": "1"}, 400, "lat"),
    ({"service_code": "roads", **HERE, "email": "nobody"}, 400, "email"),
    ({"service_code": "roads", **HERE, "attribute[size]": "wide"}, 400, "attribute[size]"),
    ({"service_code": "lighting", **HERE, "attribute[extent]": "half"}, 400, "attribute[extent]"),
    ({"service_code": "roads", **HERE, "description": "bell \x07"}, 400, "description")])
@pytest.mark.parametrize("kind", ["json", "xml"])
def test_15_23_what_is_wrong_is_named(city, form, status, names, kind):
    reply = city.post({"description": "A hole", **form}, f"requests.{kind}")
    error, = reply.json() if kind == "json" else tree(xml(reply, status))
    assert reply.status_code == status and str(error["code"]) == str(status)
    assert error["description"].startswith(names + ": ")


@pytest.mark.parametrize("key", [None, "", "x", KEY + "x", KEY[:-1]])
def test_15_without_a_key_nothing_is_taken(town, key):
    cases = town.count("grievances")
    for kind in ("json", "xml"):
        reply = Client(town, key).post({"service_code": "roads", **HERE, "description": "A hole"}, f"requests.{kind}")
        assert reply.status_code == 403 and "api_key" in reply.text and KEY not in reply.text
    assert town.count("grievances") == cases


def test_a_form_of_another_kind(city):
    assert city.post({}, data=b"{}", headers={"Content-Type": "application/json"}).status_code == 415
    assert city.post({}, data=b"%zz", headers={"Content-Type": "application/x-www-form-urlencoded"}).status_code == 400
    for body in (b"", b"--x--", b"--x\r\n", b"--x\r\n\r\nno disposition\r\n--x--"):
        reply = city.post({}, data=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
        assert reply.status_code in (400, 403), body


def test_sent_twice_under_a_key_is_one_case(town, city):
    form = {"service_code": "roads", **HERE, "description": "A hole, told twice"}
    numbers = {city.post(form, headers={"Idempotency-Key": "a-1"}).json()[0]["service_request_id"] for _ in range(3)}
    assert len(numbers) == 1
    other = Client(town, OTHER).post(form, headers={"Idempotency-Key": "a-1"})
    assert other.status_code == 200 and other.json()[0]["service_request_id"] not in numbers
    conflict = city.post(form | {"description": "Another"}, headers={"Idempotency-Key": "a-1"})
    assert conflict.status_code == 400 and "Idempotency-Key" in conflict.json()[0]["description"]


# ---- reading


def test_20_22_one_request(town, city, anybody):
    told = city.send(**{"attribute[pole]": "L-1"}, email="ann@redress.example")
    number = told["service_request_id"]
    wait_for("an office has it", lambda: (anybody.one(number)["agency_responsible"]), 60, 0.1)
    one = same(anybody, f"requests/{number}")[0]
    assert one["service_request_id"] == number and one["status"] == "open" and one["status_notes"]
    assert (one["service_code"], one["service_name"]) == ("lighting", "Street lighting")
    assert all(DATE.fullmatch(one[name]) for name in ("requested_datetime", "updated_datetime", "expected_datetime"))
    assert one["lat"] == round(float(HERE["lat"]), 3) and one["long"] == float(HERE["long"])
    # no word of anybody, and no way to anybody
    assert one["description"] is None and one["address"] is None and one["media_url"] is None
    assert not any(text in json.dumps(one) for text in ("lamp", "L-1", "ann@", told["receipt_code"]))


def test_17_tokens(town, city):
    told = city.send()
    number = told["service_request_id"]
    first = city.get(f"tokens/{number}.json")
    assert first.status_code == 200 and first.json()[0]["token"] == number
    city.one(number)
    assert same(city, f"tokens/{number}") == [{"service_request_id": number, "token": number}]


def test_what_is_not_public_is_its_senders_alone(town, city, anybody):
    number = city.send(service_code="police", description="An officer took money.")["service_request_id"]
    assert city.one(number)["status"] == "open"
    town.wait_archived(case_number.read(number))
    # whoever else asks learns no more than of a number that is too young to be known
    for client in (anybody, Client(town, OTHER)):
        assert client.get(f"requests/{number}.json").status_code == 503
        assert client.get("requests.json", service_request_id=number).json() == []
        assert number not in {one["service_request_id"] for one in client.get("requests.json").json()}
    assert city.get("requests.json", service_request_id=number).json()[0]["service_code"] == "police"


def test_what_was_filed_as_public_but_is_not_is_not_shown(town, city, anybody):
    number = city.send(service_code="lighting", description="x")["service_request_id"]
    town.wait_archived(case_number.read(number))
    assert anybody.one(number)
    town.overrule("UPDATE cases SET category = 'police.conduct' WHERE number = %s", case_number.read(number))
    assert anybody.get("requests.json", service_request_id=number).json() == []
    assert city.one(number)


def test_18_21_filters(town, city, anybody):
    numbers = [city.send(service_code=code)["service_request_id"] for code in ("roads", "lighting", "lighting", "roads")]
    for number in numbers:
        town.wait_archived(case_number.read(number))
    first = anybody.one(numbers[0])["requested_datetime"]

    def found(**arguments):
        reply = anybody.get("requests.json", **arguments)
        assert reply.status_code == 200, reply.text
        return [one["service_request_id"] for one in reply.json() if one["service_request_id"] in numbers]

    newest = numbers[::-1]
    assert found() == newest == found(service_code="", status="", start_date="")
    assert found(service_code="lighting,parks") == newest[1:3] and found(service_code="none") == []
    # numbers override everything else; what is no number is no case
    assert found(service_request_id=f"{numbers[0]},{numbers[3]},x", service_code="lighting") == [numbers[3], numbers[0]]
    assert found(start_date=first) == newest and found(end_date=first) == []
    assert found(start_date="2026-01-01T00:00:00+02:00", end_date="2026-01-02") == []
    assert found(status="open") == newest == found(status="open,closed") and found(status="closed") == []
    assert found(updated_after=first) == newest and found(updated_before=first) == []
    # cases of the tests before may be of the same second
    whole = [one["service_request_id"] for one in anybody.get("requests.json", start_date=first).json()]
    pages = [anybody.get("requests.json", page=page, page_size=2, start_date=first).json()
             for page in range(1, (len(whole) + 1) // 2 + 2)]
    assert [one["service_request_id"] for page in pages for one in page] == whole and whole[:4] == newest
    assert pages[-1] == [] and len(pages[0]) == len(pages[1]) == 2
    assert anybody.get("requests.json", service_request_id="x").json() == []
    assert len(xml(anybody.get("requests.xml", service_request_id="x"))) == 0


@pytest.mark.parametrize("name, value", [
    ("start_date", "yesterday"), ("end_date", "2026-13-01"), ("status", "lost"), ("page_size", "0"), ("page_size", "1001"),
    ("page", "-1"), ("page", "11"), ("updated_after", "2026-01-01T99:00:00Z")])
def test_10_filters_that_are_none(anybody, name, value):
    reply = anybody.get("requests.json", **{name: value})
    assert reply.status_code == 400 and reply.json()[0]["description"].startswith(name)


def order(town, verb, number, *words, text=""):
    version = lambda: town.sql("SELECT version FROM cases WHERE number = %s", case_number.read(number))[0].version
    done = town.tool("officer", verb, number, *words, "--officer", "officer.nine", "--based-on", str(version()), input=text)
    last = int(re.findall(r"^version (\d+):", done.stdout, re.MULTILINE)[-1])
    wait_for("the record has it", lambda: version() >= last, 60, 0.1)


def test_status_and_updates_follow_the_case(town, city, anybody):
    begin = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=5)
    number = city.send(service_code="roads")["service_request_id"]
    town.wait_archived(case_number.read(number))
    order(town, "accept", number)
    order(town, "answer", number, "--outcome", "solved", text="It was mended on Monday.")
    wait_for("it is closed", lambda: anybody.one(number)["status"] == "closed", 60, 0.1)
    one = anybody.one(number)
    assert one["expected_datetime"] is None and "mended" not in json.dumps(one)
    window = {"start_date": begin.isoformat(timespec="seconds"),
              "end_date": (begin + datetime.timedelta(hours=1)).isoformat(timespec="seconds")}
    updates = [one for one in same(anybody, "servicerequestupdates", **window) if one["service_request_id"] == number]
    assert [one["status"] for one in updates][-2:] == ["in_progress", "closed"]
    assert len({one["update_id"] for one in updates}) == len(updates)
    assert all(re.fullmatch(r"[\w-]+", one["update_id"]) and one["description"] and DATE.fullmatch(one["updated_datetime"])
               for one in updates)
    assert [one["updated_datetime"] for one in updates] == sorted(one["updated_datetime"] for one in updates)


def test_updates_of_what_is_not_public_are_its_senders_alone(town, city, anybody):
    number = city.send(service_code="police")["service_request_id"]
    town.wait_archived(case_number.read(number))
    own = lambda client: number in {one["service_request_id"] for one in client.get("servicerequestupdates.json").json()}
    assert own(city) and not own(anybody) and not own(Client(town, OTHER))


# ---- keys and failures


def test_keys_are_read_again(town):
    path = town.settings["open311.keys"]
    old = path.read_text()
    lake = Client(town, "lake-city-0123456789")
    form = {"service_code": "roads", **HERE, "description": "A hole"}
    path.write_text(old + "lake-city lake-city-0123456789\n")
    town.daemon("intake").reload()
    wait_for("the new key is known", lambda: lake.post(form).status_code == 200, 30)
    path.write_text("Lake City lake-city\n")
    town.daemon("intake").allow("not reloaded")
    town.daemon("intake").reload()
    wait_for("what is wrong is told", lambda: "line 1: a holder's name" in town.daemon("intake").log(), 30)
    assert lake.post(form).status_code == 200, "and changes nothing"
    assert "lake-city-0123456789" not in town.daemon("intake").log()
    path.write_text(old)


def test_intake_away(system, tmp_path):
    keys = tmp_path / "senders"
    keys.write_text(f"harbour-city {KEY}\n")
    keys.chmod(0o600)
    system.settings |= {"open311.keys": keys}
    system.daemon("portal").allow("handed on")
    system.start("portal")
    reply = Client(system, KEY).post({"service_code": "roads", **HERE}, "requests.xml")
    assert tree(xml(reply, 503))[0]["description"].startswith("nothing was taken") and reply.headers["Retry-After"]
