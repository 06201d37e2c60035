"""Checks that each example in a document of OpenAPI 3.1 fits the schema beside it."""
import json
import sys

import jsonschema_rs

with open(sys.argv[1], encoding="utf-8") as file:
    document = json.load(file)
problems, count = [], 0


def check(schema, example, place):
    global count
    count += 1
    # The schema refers to the components of the document.
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": document["components"], **schema}
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
    problems.extend(f"{place}: {error.message}" for error in validator.iter_errors(example))


def visit(value, place):
    if isinstance(value, list):
        for number, item in enumerate(value):
            visit(item, f"{place}/{number}")
    if not isinstance(value, dict):
        return
    if isinstance(value.get("schema"), dict):
        if "example" in value:
            check(value["schema"], value["example"], place)
        for name, example in value.get("examples", {}).items():
            check(value["schema"], example["value"], f"{place}/{name}")
    for name, member in value.items():
        visit(member, f"{place}/{name}")


visit(document, "")
print(f"{count} examples fit" if not problems else "\n".join(problems))
sys.exit(bool(problems))
