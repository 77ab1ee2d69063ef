#!/usr/bin/env python3
"""Lists the members of answers that botocore's models call sensitive or a blob, for the services of the audit trail.

Usage: tools/list_secret_outputs.py > src/trail/record/secret_outputs.txt      (read by a test)
"""
import import_model


def members(shapes, name, seen):
    if name in seen:
        return
    shape = shapes[name]
    for member, reference in shape.get("members", {}).items():
        target = shapes[reference["shape"]]
        if target.get("sensitive") or target["type"] == "blob":
            yield member
        yield from members(shapes, reference["shape"], seen | {name})
    for key in ("member", "key", "value"):
        if key in shape:
            yield from members(shapes, shape[key]["shape"], seen | {name})


def main():
    for service, folder in import_model.SERVICES.items():
        model = import_model.load(folder)
        found = {member for row in model["operations"].values() if "output" in row
                 for member in members(model["shapes"], row["output"]["shape"], frozenset())}
        for member in sorted(found):
            print(service, member)


if __name__ == "__main__":
    main()
