#!/usr/bin/python3
"""usage: validate_schema.py [--lines] SCHEMA    fails unless the JSON on standard input (each line of it) is valid."""

import json
import sys

import jsonschema


def main():
    arguments = sys.argv[1:]
    lines = arguments[:1] == ["--lines"]
    with open(arguments[-1]) as file:
        schema = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    text = sys.stdin.read()
    documents = text.splitlines() if lines else [text]
    if not documents:
        sys.exit("nothing to validate")
    for document in documents:
        jsonschema.validate(json.loads(document), schema, cls=jsonschema.Draft7Validator)


main()
