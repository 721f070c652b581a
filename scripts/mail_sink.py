"""A mail server that keeps what it gets in a folder: mail_sink.py PORT FOLDER (for the demo)."""

import pathlib
import sys
import time

from aiosmtpd.controller import Controller


class Keeper:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    async def handle_DATA(self, _server, _session, envelope):
        (self.folder / f"{time.time_ns()}.eml").write_bytes(envelope.content)
        return "250 kept"


Controller(Keeper(sys.argv[2]), hostname="127.0.0.1", port=int(sys.argv[1])).start()
while True:
    time.sleep(3600)
