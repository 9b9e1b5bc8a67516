"""Holds an OSCAL document against its published JSON schema: python oscal.py SCHEMA DOCUMENT. Needs jsonschema and regex."""

import json
import sys

import jsonschema
import regex


def pattern(validator, pattern, instance, schema):
    # Python's own expressions have no \\p{L}, which the schema uses.
    if validator.is_type(instance, "string") and not regex.search(pattern, instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


def without_anchors(value):
    # Each definition has an $id that begins with "#", which the standard does not allow there and references do not need.
    if isinstance(value, dict):
        return {
            name: without_anchors(member)
            for name, member in value.items()
            if not (name == "$id" and isinstance(member, str) and member.startswith("#"))
        }
    return [without_anchors(item) for item in value] if isinstance(value, list) else value


schema, document = (json.load(open(path, encoding="utf-8")) for path in sys.argv[1:3])
validator = jsonschema.validators.extend(jsonschema.Draft7Validator, {"pattern": pattern})
errors = list(validator(without_anchors(schema), format_checker=jsonschema.FormatChecker()).iter_errors(document))
for error in errors[:20]:
    print("/".join(map(str, error.absolute_path)), error.message[:300])
sys.exit(1 if errors else 0)
