"""Requests made from a service's model: each member missing, of each wrong type, at each limit and one past it, and so on,
each with what the answer has to look like."""

import base64
import dataclasses
import json
import re

ABSENT = object()


@dataclasses.dataclass
class Case:
    operation: str
    name: str
    body: bytes
    # "constraint": refused in the words of `text` at `path`; "type": not what the protocol says; "fine": neither.
    want: str
    path: str = ""
    text: str = ""
    secret: str = ""  # what the answer must not repeat


class Model:
    """`samples`: a good value for a shape, by its name. `tighter`: (operation, member) with limits below the model's."""

    def __init__(self, path, samples, tighter=()):
        self.model = json.loads(path.read_text())
        self.shapes, self.samples, self.tighter = self.model["shapes"], samples, set(tighter)

    def operations(self):
        return sorted(self.model["operations"])

    # -- values -------------------------------------------------------------------------------------------------------

    def sample(self, name):
        if name in self.samples:
            return self.samples[name]
        shape = self.shapes[name]
        if "enum" in shape:
            return shape["enum"][0]
        kind = shape["type"]
        if kind == "string":
            return self.text(shape, max(shape.get("min", 1), 1))
        if kind == "blob":
            return base64.b64encode(bytes(max(shape.get("min", 1), 1))).decode()
        if kind in ("integer", "long"):
            return shape.get("min", 1)
        if kind == "boolean":
            return False
        if kind == "timestamp":
            return 4000000000 - 86400
        if kind == "list":
            return [self.sample(shape["member"])]
        if kind == "map":
            return {"key": self.sample(shape["value"])}
        return {member: self.sample(of) for member, of in shape["members"] if member in shape["required"]}

    def matches(self, shape, text):
        if "pattern" not in shape:
            return True
        return re.fullmatch(shape["pattern"].replace("\\\\/", "/"), text, re.ASCII) is not None

    def text(self, shape, length):
        """A text of that length that fits the pattern; None when none is found."""
        for head, filler, tail in (("", "a", ""), ("", "A", ""), ("https://", "a", ""), ("/", "a", "/kms/xks/v1"),
                                   ("cluster-", "a", ""), ("com.amazonaws.vpce.us-east-1.vpce-svc-", "0", "")):
            if length < len(head) + len(tail):
                continue
            text = head + filler * (length - len(head) - len(tail)) + tail
            if self.matches(shape, text):
                return text
        return None

    def reachable(self, shape, size):
        return shape["type"] != "string" or self.text(shape, size) is not None

    def of_size(self, shape, size):
        """A value of that length or value, whatever else may be wrong with it."""
        kind = shape["type"]
        if kind == "string":
            return self.text(shape, size) or "a" * size
        if kind == "blob":
            return base64.b64encode(b"\xa7" * size).decode()
        if kind == "list":
            return [self.sample(shape["member"])] * size
        return size

    # -- cases --------------------------------------------------------------------------------------------------------

    def base(self, operation):
        return self.sample(self.model["operations"][operation]["input"])

    def cases(self, operation):
        base = self.base(operation)
        shape = self.shapes[self.model["operations"][operation]["input"]]

        def made(name, members, want, path="", text="", secret=""):
            body = {key: value for key, value in {**base, **members}.items() if value is not ABSENT}
            return Case(operation, name, json.dumps(body).encode(), want, path, text, secret)

        yield made("as it should be", {}, "fine")
        yield made("an unknown member", {"NoSuchMember": {"a": [1, None, "x"]}}, "fine")
        yield from self.bodies(operation)
        for member, name in shape["members"]:
            for what, value, want, path, text in self.values(member, name, (operation, member) in self.tighter):
                hidden = value if self.shapes[name].get("sensitive") and isinstance(value, str) and len(value) > 20 else ""
                yield made(f"{member}: {what}", {member: value}, want, path, text, hidden)
            for what, value in (("absent", ABSENT), ("null", None)):
                if member in shape["required"]:
                    yield made(f"{member}: {what}", {member: value}, "constraint", lower(member), "Member must not be null")
                else:
                    yield made(f"{member}: {what}", {member: value}, "fine")

    def bodies(self, operation):
        """Bodies that are no JSON object."""
        for name, body in (("a list", b"[]"), ("a number", b"5"), ("a text", b'"x"'), ("half an object", b'{"KeyId"'),
                           ("something behind it", b"{} {}"), ("no UTF-8", b'{"KeyId":"\xff"}'), ("a zero byte", b"\0"),
                           ("too deep", b'{"KeyId":' + b"[" * 40 + b"]" * 40 + b"}")):
            yield Case(operation, "the body is " + name, body, "type")

    def values(self, path, name, tighter):
        """(what, value, want, path, text) for one member, nested ones included. `path` is the member's as the model has it."""
        shape = self.shapes[name]
        kind, at = shape["type"], lower_path(path)
        for what, value in self.wrong_types(kind):
            yield what, value, "type", "", ""
        yield from self.limits(shape, at, tighter)
        if "enum" in shape:
            text = "Member must satisfy enum value set: [" + ", ".join(shape["enum"]) + "]"
            yield "unknown value", "NO_SUCH_VALUE", "constraint", at, text
            yield "known value in lower case", shape["enum"][0].lower(), "constraint", at, text
        if "pattern" in shape and kind == "string":
            for bad in ("\u0100", "\n\u2028", "a\x00b"):
                if not self.matches(shape, bad) and shape.get("min", 0) <= len(bad):
                    text = "Member must satisfy regular expression pattern: " + shape["pattern"]
                    yield "breaks the pattern", bad, "constraint", at, text
        if kind == "list":
            yield from self.elements(path, shape)
        elif kind == "map":
            yield "null as a value", {"key": None}, "constraint", f"{at}.key.member", "Member must not be null"
            for what, value in self.wrong_types(self.shapes[shape["value"]]["type"]):
                yield "value: " + what, {"key": value}, "type", "", ""
        elif kind == "structure":
            yield from self.parts(path, name, lambda inner: inner)

    def elements(self, path, shape):
        element = self.shapes[shape["member"]]
        at = lower_path(path)
        yield "null as an element", [None], "constraint", f"{at}.1.member", "Member must not be null"
        for what, value in self.wrong_types(element["type"]):
            yield "element: " + what, [value], "type", "", ""
        if element["type"] == "structure":
            yield from self.parts(f"{path}.1.member", shape["member"], lambda inner: [inner])
            return
        for what, value, want, _, text in self.values(path, shape["member"], False):
            if want == "constraint":
                yield "element: " + what, [value], "constraint", at, text

    def parts(self, path, name, wrap):
        """The members of a structure inside a member."""
        good = self.sample(name)
        shape = self.shapes[name]
        for member, of in shape["members"]:
            for what, value, want, at, text in self.values(f"{path}.{member}", of, False):
                yield f"{member}: {what}", wrap({**good, member: value}), want, at, text
            if member in shape["required"]:
                rest = {key: value for key, value in good.items() if key != member}
                yield f"{member}: absent", wrap(rest), "constraint", f"{lower_path(path)}.{lower(member)}", \
                    "Member must not be null"

    def limits(self, shape, at, tighter):
        number = shape["type"] in ("integer", "long")
        word = "value" if number else "length"
        if "min" in shape:
            least = shape["min"]
            if not tighter and self.reachable(shape, least):
                yield "smallest", self.of_size(shape, least), "fine", at, ""
            if least > 0 or number:
                yield "one below the smallest", self.of_size(shape, least - 1), "constraint", at, \
                    f"Member must have {word} greater than or equal to {'' if tighter else least}"
        if "max" in shape:
            most = shape["max"]
            if not tighter and self.reachable(shape, most):
                yield "largest", self.of_size(shape, most), "fine", at, ""
            yield "one above the largest", self.of_size(shape, most + 1), "constraint", at, \
                f"Member must have {word} less than or equal to {'' if tighter else most}"

    @staticmethod
    def wrong_types(kind):
        values = {"a number": 5, "a fraction": 5.5, "a text": "x", "true": True, "a list": [], "an object": {}}
        right = {"string": ["a text"], "blob": ["a text"], "boolean": ["true"], "integer": ["a number"],
                 "long": ["a number"], "double": ["a number", "a fraction"], "timestamp": ["a number", "a fraction"],
                 "list": ["a list"], "map": ["an object"], "structure": ["an object"]}[kind]
        yield from ((what, value) for what, value in values.items() if what not in right)
        if kind in ("integer", "long"):
            yield "a number as a text", "5"
            yield "a number of 65 bits", 2 ** 64
            yield "a huge number", 1e300
        if kind == "blob":
            yield from (("no base64", "!!!!"), ("base64 without padding", "YQ"), ("base64 for URLs", "_-8="),
                        ("base64 with a line break", "YWJj\nYWJj"))


def lower(name):
    """The model's name of a member as error texts have it."""
    return name[0].lower() + name[1:]


def lower_path(path):
    return ".".join(lower(part) for part in path.split("."))
