"""Case numbers, written anew from their description so that the C code is checked against it."""

import itertools
import time

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U"
EPOCH_MS = 1735689600000
_counter = itertools.count()


def write(number):
    digits = "".join(ALPHABET[number >> shift & 31] for shift in range(60, -1, -5))
    text = digits + ALPHABET[number % 37]
    return f"{text[:5]}-{text[5:10]}-{text[10:]}"


def read(text):
    plain = text.replace("-", "")
    number = 0
    for digit in plain[:-1]:
        number = number << 5 | ALPHABET.index(digit)
    assert ALPHABET[number % 37] == plain[-1], f"check symbol of {text}"
    return number


def partition(number, partitions):
    return (number >> 14 & 255) % partitions


def make(slot=0):
    """A number that no intake gives (node 255 is never leased), for messages a test makes itself."""
    while True:
        count = next(_counter)
        millis = int(time.time() * 1000) - EPOCH_MS + (count >> 6)
        number = millis << 22 | slot << 14 | 255 << 6 | count & 63
        if number % 37 < 32:
            return number
