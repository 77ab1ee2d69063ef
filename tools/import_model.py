#!/usr/bin/env python3
"""Reduces botocore's service models to the facts that request validation needs, and no prose.

Usage: tools/import_model.py [OUTPUT_DIR]      (default: src/aws/model)

Each file lists the operations with their input shapes, and every shape reachable from one. A pattern that is one
character class repeated is resolved to ranges of code points here, so that the server matches it in one pass and
without Unicode tables; any other pattern is handed on as a regular expression.
"""
import gzip
import json
import pathlib
import re
import sys
import unicodedata

import botocore

SERVICES = {"kms": "kms", "cloudhsm": "cloudhsmv2", "sts": "sts", "iam": "iam", "cloudtrail": "cloudtrail"}
# Operations of IAM on things that a deployment does not have: no shapes are kept for them.
LEFT_OUT = {"iam": re.compile(
    "InstanceProfile|SAML|ServerCertificate|SigningCertificate|SSHPublicKey|ServiceSpecificCredential|ServiceLinked|"
    "Organization|CredentialReport|ServiceLastAccessed|Delegation|OutboundWebIdentity|HumanReadable|"
    "SecurityTokenServicePreferences|GrantingServiceAccess")}
# Of CloudTrail there is what finds events, and nothing else.
ONLY = {"cloudtrail": re.compile("^LookupEvents$")}
TYPES = {"string", "boolean", "integer", "long", "timestamp", "blob", "list", "map", "structure", "double", "float"}
ONE_CLASS = re.compile(r"^\^?\(?(\[(?:[^\]\\]|\\.)+\])([*+])\)?\$?$")


def load(folder):
    root = pathlib.Path(botocore.__file__).parent / "data" / folder
    newest = sorted(root.glob("*/service-2.json*"))[-1]
    return json.loads(gzip.decompress(newest.read_bytes()) if newest.suffix == ".gz" else newest.read_bytes())


def merge(ranges):
    merged = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], high)
        else:
            merged.append([low, high])
    return merged


def category(letter):
    return merge([c, c] for c in range(0x110000) if unicodedata.category(chr(c)).startswith(letter))


CATEGORIES = {}
SHORTHAND = {
    "w": [[48, 57], [65, 90], [95, 95], [97, 122]],
    "d": [[48, 57]],
    "s": [[9, 13], [32, 32]],
}


def class_ranges(text):
    """The code points of a Java character class such as [\\w+=,.@-]; None where it uses more than we know."""
    inner = text[1:-1]
    if inner.startswith("^") or "&&" in inner or "[" in inner:
        return None
    atoms, at = [], 0
    while at < len(inner):
        c = inner[at]
        if c != "\\":
            atoms.append(ord(c))
            at += 1
        elif inner[at + 1] == "u":
            digits = 4
            # \u10000 is how the models write U+10000: take five digits where four would leave one standing alone.
            if re.match(r"[0-9A-Fa-f]{5,6}(-|\]|\\|$)", inner[at + 2:] + "]") and inner[at + 2:at + 4] == "10":
                digits = len(re.match(r"[0-9A-Fa-f]{5,6}", inner[at + 2:]).group())
            atoms.append(int(inner[at + 2:at + 2 + digits], 16))
            at += 2 + digits
        elif inner[at + 1] == "p":
            name = re.match(r"\\p\{(\w)\}", inner[at:])
            if not name:
                return None
            letter = name.group(1)
            atoms.append(CATEGORIES.setdefault(letter, None) or category(letter))
            CATEGORIES[letter] = atoms[-1]
            at += len(name.group())
        elif inner[at + 1] in SHORTHAND:
            atoms.append(SHORTHAND[inner[at + 1]])
            at += 2
        elif inner[at + 1].isalnum():
            return None
        else:
            atoms.append((ord(inner[at + 1]),))
            at += 2
    ranges, at = [], 0
    while at < len(atoms):
        atom = atoms[at]
        low = atom[0] if isinstance(atom, tuple) else atom
        is_range = (isinstance(low, int) and at + 2 < len(atoms) and atoms[at + 1] == ord("-")
                    and isinstance(atoms[at + 2], (int, tuple)))
        if is_range:
            high = atoms[at + 2]
            high = high[0] if isinstance(high, tuple) else high
            ranges.append([low, high])
            at += 3
        elif isinstance(low, int):
            ranges.append([low, low])
            at += 1
        else:
            ranges.extend(atom)
            at += 1
    return merge(ranges)


def reduce_pattern(text):
    one = ONE_CLASS.match(text)
    ranges = class_ranges(one.group(1)) if one else None
    if ranges is None:
        return {"regex": text}
    return {"class": [bound for pair in ranges for bound in pair], "least": 1 if one.group(2) == "+" else 0}


def reduce_shape(shape, patterns):
    if shape["type"] not in TYPES:
        raise SystemExit(f"unknown type {shape['type']}")
    out = {"type": shape["type"]}
    for name in ("min", "max", "enum", "pattern"):
        if name in shape:
            out[name] = shape[name]
    if "pattern" in shape:
        patterns.setdefault(shape["pattern"], reduce_pattern(shape["pattern"]))
    if shape.get("sensitive"):
        out["sensitive"] = True
    if shape["type"] == "list":
        out["member"] = shape["member"]["shape"]
    elif shape["type"] == "map":
        out["key"], out["value"] = shape["key"]["shape"], shape["value"]["shape"]
    elif shape["type"] == "structure":
        out["members"] = [[name, member["shape"]] for name, member in shape["members"].items()]
        out["required"] = shape.get("required", [])
    return out


def main():
    target = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent / "src/aws/model")
    for name, folder in SERVICES.items():
        model = load(folder)
        patterns, shapes, operations = {}, {}, {}
        todo = []
        for operation, row in sorted(model["operations"].items()):
            if name in LEFT_OUT and LEFT_OUT[name].search(operation):
                continue
            if name in ONLY and not ONLY[name].search(operation):
                continue
            shape = row.get("input", {}).get("shape", "")
            operations[operation] = {"input": shape, "output": "output" in row}
            todo += [shape] if shape else []
        while todo:
            shape_name = todo.pop()
            if shape_name in shapes:
                continue
            reduced = shapes[shape_name] = reduce_shape(model["shapes"][shape_name], patterns)
            todo += [reduced[key] for key in ("member", "key", "value") if key in reduced]
            todo += [member[1] for member in reduced.get("members", [])]
        facts = {"service": name, "api_version": model["metadata"]["apiVersion"], "botocore": botocore.__version__,
                 "operations": operations, "patterns": dict(sorted(patterns.items())),
                 "shapes": dict(sorted(shapes.items()))}
        lines = []
        for key, value in facts.items():
            if isinstance(value, dict):
                rows = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in value.items())
                lines.append(f"{json.dumps(key)}: {{\n{rows}\n}}")
            else:
                lines.append(f"{json.dumps(key)}: {json.dumps(value)}")
        (target / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
