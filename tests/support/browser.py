"""An old telephone's browser: follows links and redirections, keeps cookies, fills in forms; no scripts."""

import html.parser
import urllib.parse

import requests


class Form:
    def __init__(self, attributes):
        self.action = attributes.get("action", "")
        self.fields = []        # (name, value) that are sent as they stand
        self.names = set()      # that can be filled in
        self.buttons = []       # (name, value, text)


class Page(html.parser.HTMLParser):
    """What a page shows, and the forms on it."""

    VOID = {"input", "meta", "link", "br", "img"}

    def __init__(self, reply):
        super().__init__(convert_charrefs=True)
        self.status, self.headers, self.url, self.source = reply.status_code, reply.headers, reply.url, reply.text
        self.forms, self.text, self.lang, self.direction, self.title = [], "", "", "", ""
        self.open, self._form, self._area, self._select, self._button = [], None, None, None, None
        self.feed(reply.text)
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag not in self.VOID and tag not in ("i",):
            self.open.append(tag)
        if tag == "html":
            self.lang, self.direction = attributes["lang"], attributes["dir"]
        if tag == "form":
            self._form = Form(attributes)
            self.forms.append(self._form)
        elif self._form is not None:
            self._in_form(tag, attributes)

    def _in_form(self, tag, attributes):
        form, name, value = self._form, attributes.get("name"), attributes.get("value", "")
        if tag == "input" and name:
            form.names.add(name)
            if attributes.get("type") not in ("radio", "checkbox") or "checked" in attributes:
                form.fields.append((name, value))
        elif tag == "textarea":
            form.names.add(name)
            self._area = [name, ""]
        elif tag == "select":
            form.names.add(name)
            self._select = [name, None]
        elif tag == "option" and self._select and (self._select[1] is None or "selected" in attributes):
            self._select[1] = value
        elif tag == "button":
            self._button = [name, value, ""]

    def handle_endtag(self, tag):
        if tag in self.VOID or tag == "i":
            return
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()
        if tag == "form":
            self._form = None
        elif tag == "textarea" and self._area is not None:
            # the first line end after the tag is no part of it
            self._form.fields.append((self._area[0], self._area[1].removeprefix("\n")))
            self._area = None
        elif tag == "select":
            self._form.fields.append(tuple(self._select))
            self._select = None
        elif tag == "button":
            self._form.buttons.append(tuple(self._button))
            self._button = None

    def handle_data(self, data):
        self.text += data
        if self.open and self.open[-1] == "title":
            self.title += data
        if self._area is not None:
            self._area[1] += data
        if self._button is not None:
            self._button[2] += data

    def form_exists(self, action):
        return any(form.action.endswith(action) for form in self.forms)

    def form(self, action):
        return next(form for form in self.forms if form.action.endswith(action))


class Browser:
    def __init__(self, address, language="en"):
        self.address = address
        self.session = requests.Session()
        self.session.headers.update({"Accept-Language": language, "Accept": "text/html,*/*;q=0.8"})

    def get(self, path):
        return Page(self.session.get(urllib.parse.urljoin(self.address, path), timeout=60))

    def send(self, page, action, button=None, **values):
        """Fills in the form with that action and presses the button with that value (or the only one)."""
        form = page.form(action)
        unknown = {name.replace("__", "-") for name in values} - form.names
        assert not unknown, f"the form has no {unknown}"
        values = {name.replace("__", "-"): value for name, value in values.items()}
        fields = [(name, value) for name, value in form.fields if name not in values]
        for name, value in values.items():
            fields += [(name, one) for one in (value if isinstance(value, list) else [value])]
        pressed = next(b for b in form.buttons if button is None or b[1] == button)
        if pressed[0]:
            fields.append((pressed[0], pressed[1]))
        return Page(self.session.post(urllib.parse.urljoin(page.url, form.action), data=fields, timeout=60,
                                      headers={"Origin": self.address}))
