# SPDX-License-Identifier: MIT
"""Checks values against result.schema.json, which is written in a part of JSON Schema: type, required, properties,
additionalProperties, items, enum, minimum, minItems, maxItems, and $ref into $defs."""

import json
from pathlib import Path

SCHEMA = json.loads((Path(__file__).resolve().parent.parent / "result.schema.json").read_text())
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}
KNOWN = {"type", "required", "properties", "additionalProperties", "items", "enum", "minimum", "minItems", "maxItems", "$ref",
         "$defs", "$schema", "title", "description"}


def problems_of(value, schema=None, at="$"):
    """What is wrong, one text per fault."""
    schema = SCHEMA if schema is None else schema
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    unknown = set(schema) - KNOWN
    if unknown:
        return [f"the schema has words that are not known here: {', '.join(sorted(unknown))}"]
    kind = schema.get("type")
    if kind and (not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
        return [f"{at} is no {kind}"]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at} is {value!r}, not one of {schema['enum']}")
    if "minimum" in schema and not value >= schema["minimum"]:
        found.append(f"{at} is {value}, below {schema['minimum']}")
    if isinstance(value, list):
        found += list_problems(value, schema, at)
    if isinstance(value, dict):
        found += object_problems(value, schema, at)
    return found


def list_problems(value, schema, at):
    found = []
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        found.append(f"{at} has {len(value)} items")
    for index, item in enumerate(value):
        found += problems_of(item, schema.get("items", {}), f"{at}[{index}]")
    return found


def object_problems(value, schema, at):
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    found = [f"{at} has no {name}" for name in schema.get("required", []) if name not in value]
    for name, item in value.items():
        if name in properties:
            found += problems_of(item, properties[name], f"{at}.{name}")
        elif others is False:
            found.append(f"{at} has {name}, which the schema does not know")
        elif isinstance(others, dict):
            found += problems_of(item, others, f"{at}.{name}")
    return found
