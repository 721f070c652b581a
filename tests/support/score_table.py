"""What redress-train and redress-classify --evaluate print: a row a line, its name and its number."""

import re


def read(table):
    return dict(re.findall(r"^(\S.*?) +([\d.]+)$", table.decode(), re.M))
