"""A system of a citizen's or an office's own that takes webhooks, or does with them what the test says."""

import http.server
import json
import ssl
import subprocess
import threading

from support.ports import free_port


def certificate(folder):
    """A certificate of its own for 127.0.0.1, in folder/hook.pem with its key."""
    pem = folder / "hook.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", pem, "-out", folder / "cert.pem"],
        check=True, capture_output=True)
    pem.write_bytes(pem.read_bytes() + (folder / "cert.pem").read_bytes())
    return pem


class HookServer:
    """answers: path to (status, headers), or None to stay silent."""

    def __init__(self, pem):
        self.pem = pem
        self.port = free_port()
        self.answers = {}
        self.taken = []             # (path, message)
        self.silent = self.most_silent = 0
        self._lock, self._released = threading.Lock(), threading.Event()
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = owner.answers.get(self.path, (204, {}))
                if answer is None:
                    owner._keep_silent()
                    answer = (204, {})
                elif answer[0] // 100 == 2:
                    owner.taken.append((self.path, body))
                self.send_response(answer[0])
                for name, value in answer[1].items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_words):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_words: None    # clients that gave up
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _keep_silent(self):
        with self._lock:
            self.silent += 1
            self.most_silent = max(self.most_silent, self.silent)
        self._released.wait()
        with self._lock:
            self.silent -= 1

    def url(self, path):
        return f"https://127.0.0.1:{self.port}{path}"

    @property
    def settings(self):
        return {"webhook__secret": "a secret", "webhook__allow_private": "yes", "webhook__ca_file": self.pem}

    def close(self):
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
