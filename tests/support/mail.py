"""A mail server that takes everything, or what the test makes it do."""

import asyncio
import email
import email.policy
import smtplib

from aiosmtpd.controller import Controller

from support.ports import free_port


class MailServer:
    def __init__(self, international=False):
        self.mails = []     # (recipient, message)
        self.envelopes = []
        self.answer = "250 taken"           # to the message
        self.sender_answer = "250 OK"       # to MAIL FROM
        self.recipient_answer = "250 OK"    # to RCPT TO
        self._controller = Controller(self, hostname="127.0.0.1", port=free_port(), ready_timeout=60,
                                      enable_SMTPUTF8=international)
        self._controller.start()

    async def handle_MAIL(self, _server, _session, envelope, address, options):
        if self.sender_answer.startswith("250"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return self.sender_answer

    async def handle_RCPT(self, _server, _session, envelope, address, options):
        if self.recipient_answer.startswith("250"):
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return self.recipient_answer

    async def handle_DATA(self, _server, _session, envelope):
        if self.answer.startswith("250"):
            message = email.message_from_bytes(envelope.content, policy=email.policy.default)
            self.mails += [(recipient, message) for recipient in envelope.rcpt_tos]
            self.envelopes.append(envelope)
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

    def take_all(self):
        self.answer = "250 taken"
        self.sender_answer = self.recipient_answer = "250 OK"

    def settle(self):
        """What was sent before has been answered, also when its sender is gone."""
        with smtplib.SMTP(self._controller.hostname, self._controller.port, timeout=60) as client:
            client.noop()

    def close(self):
        self._controller.stop()


class MoodyMailServer(MailServer):
    """One whose mood can change: good, busy (comes back later), refusing (knows nobody), silent."""

    def __init__(self):
        self.mood = "good"
        super().__init__()

    async def handle_RCPT(self, _server, _session, envelope, address, options):
        while self.mood == "silent":
            await asyncio.sleep(0.2)
        if self.mood == "busy":
            return "450 4.2.1 try again later"
        if self.mood == "refusing":
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, _server, _session, _envelope):
        return "250 taken"
