#!/usr/bin/python3
"""The layers hold: nothing includes upwards, outside libraries stay where they belong, what is called pure is pure.

    layers.py SOURCE BUILD      exit 1 with a line for each breach
"""

import pathlib
import re
import subprocess
import sys

# what each layer of services/common may include
MAY = {"util": {"util"}}
MAY["domain"] = MAY["util"] | {"domain"}
MAY["client"] = MAY["domain"] | {"client"}
MAY["record"] = MAY["client"] | {"record"}
MAY["web"] = MAY["client"] | {"web"}
MAY["runtime"] = MAY["client"] | {"web", "runtime"}

# what each wing of services/classification may include
WINGS = ["numeric", "text", "model", "judging", "training"]

# An outside library's headers, and where else than in client/ they may be: what does no I/O is a
# language of its own (JSON, ICU, cryptography); curl is a daemon's own errand until client/ has one.
LIBRARIES = {
    r"librdkafka/|hiredis/|libpq|postgres|event2?/": (),
    r"curl/": ("portal/intake_client.c", "notification/", "tools/submit.c", "casework/", "intake/channels/"),
    r"yaml\.h": ("common/domain/",),
    r"unicode/": ("common/domain/", "common/util/", "classification/", "casework/"),
    r"protobuf-c/": ("common/util/", "common/domain/", "archival/", "routing/", "tools/", "intake/",
                      "common/runtime/service.h"),
}
# What a daemon takes from another: the audit makes the record's rows again to compare them; texts are classified by
# hand; redress-account hashes passwords as casework checks them.
NEIGHBOURS = {"tools": ("archival/rows.h", "casework/password.h", "classification/")}

# No I/O, no clock, no log, no settings, no randomness: facts come in, an answer goes out.
PURE = ["common/domain/*", "routing/decide.c", "routing/rule.c", "notification/job.c", "notification/verdict.c",
        "notification/lane.c", "archival/rows.c", "portal/case_view.c", "portal/pass.c", "intake/submission.c",
        "intake/answers.c", "common/web/form.c", "common/web/negotiation.c", "common/web/template.c"]
# pure helpers of the other layers
HELPERS = ["common/util/" + name for name in ("accept.c", "alloc.c", "arena.c", "buffer.c", "err.c", "json_read.c", "number_map.c",
                                              "text.c", "visible_text.c", "net_address.c")] + ["proto/"]
NEEDS_A_FILE = {"text_read_file"}  # of these helpers, what is not pure
IS_PURE = {"clock_rfc3339"}        # of others, what is
OUTSIDE = re.compile(
    r"(_*(mem|str|stp)\w+|v?snprintf|qsort|t(find|search|delete)|free|abort|isoc\d+_\w+|ctype_\w+|f(max|min|loor|abs)|"
    r"l?round|inet_(pton|ntop)|fnmatch|pthread_once|gmtime_r|timegm|stack_chk_fail|asan_\w+|ubsan_\w+|isfinite|"
    r"GLOBAL_OFFSET_TABLE_|assert_fail|u\w+_\d\d|yaml_\w+|json_(?!load_?f|dump_?f)\w+|crypto_\w+|sodium_mem\w+|"
    r"sodium_(bin2|base64|hex)\w+|protobuf_c_\w+|sancov\w*|sanitizer_\w+|llvm_\w+|errno_location|copy_\w+)$")

breaches = []


def breach(path, line):
    breaches.append(f"{path}: {line}")


def check_includes(services):
    for path in sorted(services.rglob("*.[ch]")):
        place = path.relative_to(services)
        layer = place.parts[1] if place.parts[0] == "common" else None
        for header in re.findall(r'^#include [<"]([^">]+)[">]', path.read_text(), re.MULTILINE):
            check_include(services, place, layer, header)


def check_include(services, place, layer, header):
    first = header.split("/")[0]
    if layer and "/" in header and first in MAY and first not in MAY[layer]:
        breach(place, f"{layer} must not include {header}")
    wing = place.parts[1] if place.parts[0] == "classification" else None
    if wing in WINGS and first in WINGS[WINGS.index(wing) + 1:]:
        breach(place, f"{wing} must not include {header}")
    for pattern, elsewhere in LIBRARIES.items():
        if re.match(pattern, header) and not str(place).startswith(("common/client/", *elsewhere)):
            breach(place, f"{header} belongs in common/client")
    check_neighbour(services, place, header)


def check_neighbour(services, place, header):
    """A daemon's own headers stand beside it; the rest must be of a layer."""
    daemon = place.parts[0]
    own = (services / place).parent / header, services / daemon / header, services / "common" / header
    if any(path.exists() for path in own):
        return
    for other in services.iterdir():
        if other.name not in ("common", daemon) and (other / header).exists() \
                and not f"{other.name}/{header}".startswith(NEIGHBOURS.get(daemon, ())):
            breach(place, f"{daemon} must not include {header} of {other.name}")


def symbols(object_file):
    """(defined, wanted) of an object."""
    defined, wanted = set(), set()
    for line in subprocess.run(["nm", object_file], capture_output=True, text=True, check=True).stdout.splitlines():
        kind, name = line.split()[-2:]
        (wanted if kind == "U" else defined).add(name)
    return defined, wanted


def objects(build, source):
    """The first build of each source under services/ that matches."""
    found = {}
    for path in sorted(build.glob("services/**/*.c.o")) + sorted(build.glob("proto/**/*.o")):
        relative = str(path.relative_to(build)).replace("services/", "", 1)
        found.setdefault(re.sub(r"CMakeFiles/[^/]+\.dir/", "", relative).removesuffix(".o"), path)
    return {name: path for name, path in found.items() for pattern in source
            if name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1])) or
            (pattern.endswith("/") and name.startswith(pattern))}


def check_purity(build):
    pure, helpers = objects(build, PURE), objects(build, HELPERS)
    for pattern in PURE:
        if not objects(build, [pattern]):
            breach(pattern, "is not in this build, or has another name now")
    read = {name: symbols(path) for name, path in {**helpers, **pure}.items()}
    known = set().union(*(defined for defined, _ in read.values()), IS_PURE) - NEEDS_A_FILE
    for name in sorted(pure):
        for symbol in sorted(read[name][1] - known):
            bare = re.sub(r"_chk$", "", symbol.lstrip("_"))
            if not OUTSIDE.match(bare):
                breach(name, f"is called pure, but uses {symbol}")


def main():
    source, build = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    check_includes(source / "services")
    check_purity(build)
    print("\n".join(breaches) or "the layers hold")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
