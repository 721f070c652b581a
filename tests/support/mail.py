"""A mail server that takes everything, or what the test makes it do."""

import email
import email.policy
import smtplib

from aiosmtpd.controller import Controller

from support.ports import free_port


class MailServer:
    def __init__(self):
        self.mails = []     # (recipient, message)
        self.answer = "250 taken"
        self._controller = Controller(self, hostname="127.0.0.1", port=free_port(), ready_timeout=60)
        self._controller.start()

    async def handle_DATA(self, _server, _session, envelope):
        if self.answer.startswith("250"):
            message = email.message_from_bytes(envelope.content, policy=email.policy.default)
            self.mails += [(recipient, message) for recipient in envelope.rcpt_tos]
        return self.answer

    @property
    def url(self):
        return f"smtp://127.0.0.1:{self._controller.port}"

    @property
    def settings(self):
        """Notification's settings that make it use this server."""
        return {"smtp__url": self.url}

    def to(self, recipient):
        return [message for who, message in list(self.mails) if who == recipient]

    def settle(self):
        """What was sent before has been answered, also when its sender is gone."""
        with smtplib.SMTP(self._controller.hostname, self._controller.port, timeout=60) as client:
            client.noop()

    def close(self):
        self._controller.stop()
