"""What pytest's reports say, for scripts/test.

    test_outcome.py files FIRST             the files with a test that failed, a line each
    test_outcome.py count FIRST [SECOND]    "PASSED FAILED", the second run of a file standing for its first; what only
                                            then passed is named on the standard error
"""

import collections
import sys
import xml.etree.ElementTree as tree


def outcomes(report):
    """{(file, test): sound}; a test that errs in its teardown is there twice."""
    found = collections.defaultdict(lambda: True)
    for case in tree.parse(report).getroot().iter("testcase"):
        # what could not even be collected has its file for its name
        file = (case.get("classname") or case.get("name")).replace(".", "/") + ".py"
        sound = not any(case.find(kind) is not None for kind in ("failure", "error", "skipped"))
        found[file, case.get("name")] &= sound
    return found


def bad_files(found):
    return sorted({file for (file, _), sound in found.items() if not sound})


def main(action, *reports):
    first = outcomes(reports[0])
    if action == "files":
        print("\n".join(bad_files(first)))
        return
    final = dict(first)
    if len(reports) > 1:
        again = outcomes(reports[1])
        for test, sound in first.items():
            if test[0] in bad_files(first):
                final[test] = again.get(test, False)
            if not sound and final[test]:
                print(f"unsteady: {test[0]}::{test[1]} passed only when run again, alone", file=sys.stderr)
    passed = sum(final.values())
    print(passed, len(final) - passed)


main(*sys.argv[1:])
