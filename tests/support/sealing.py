"""Opens what was sealed, with PyNaCl: another implementation than the one under test."""

import pathlib
import struct

import nacl.public
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt as aead_open,
    crypto_aead_xchacha20poly1305_ietf_encrypt as aead_close,
)
from nacl.utils import random

from support.messages import Contact, GrievanceText

TEXT, CONTACT, WHY, CASEWORK = 1, 2, 3, 4
NONCE = 24


def _bound(number, part):
    return struct.pack(">QB", number, part)


def close(key, number, part, plain):
    nonce = random(NONCE)
    return nonce + aead_close(plain, _bound(number, part), nonce, key)


def open_sealed(key, number, part, sealed):
    return aead_open(sealed[NONCE:], _bound(number, part), sealed[:NONCE], key)


class Role:
    """A reading role's key, as redress-keys wrote it."""

    def __init__(self, keys, name):
        self.name = name
        secret = bytes.fromhex((pathlib.Path(keys) / f"{name}.key").read_text().strip())
        self._box = nacl.public.SealedBox(nacl.public.PrivateKey(secret))

    def key(self, epoch, case_key, number, part):
        what = "contact" if part == CONTACT else "text"
        wrapped = case_key.contact_key if part == CONTACT else case_key.text_key
        epoch_key = self._box.decrypt(getattr(epoch, f"{what}_for_{self.name}"))
        return open_sealed(epoch_key, number, part, wrapped)

    def text(self, epoch, case_key, number, sealed):
        key = self.key(epoch, case_key, number, TEXT)
        return GrievanceText.FromString(open_sealed(key, number, TEXT, sealed))

    def contact(self, epoch, case_key, number, sealed):
        key = self.key(epoch, case_key, number, CONTACT)
        return Contact.FromString(open_sealed(key, number, CONTACT, sealed))
