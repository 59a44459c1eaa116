# SPDX-License-Identifier: MIT
"""
JSON against a schema: the part of JSON Schema that the schemas of this repository need. A keyword that is not known here
is an error in the schema, so that none is silently ignored.

errors(value, schema) gives sentences, each with the path of what is wrong; an empty list means that the value is valid.
As a program: schema.py SCHEMA FILE... (FILE may be -), which says what is wrong and exits 1.
"""
import json
import math
import sys

KNOWN = {'$schema', '$id', '$defs', '$ref', 'title', 'description', 'type', 'enum', 'const', 'properties', 'required',
         'additionalProperties', 'items', 'minItems', 'maxItems', 'minimum', 'maximum', 'exclusiveMinimum', 'anyOf'}


def is_number(x):
    return isinstance(x, (int, float)) and not isinstance(x, bool) and math.isfinite(x)


TYPES = {
    'null': lambda x: x is None,
    'boolean': lambda x: isinstance(x, bool),
    'string': lambda x: isinstance(x, str),
    'array': lambda x: isinstance(x, list),
    'object': lambda x: isinstance(x, dict),
    'number': is_number,
    'integer': lambda x: is_number(x) and x == int(x),
}


def same(x, y):
    """Equal as JSON: 1 is 1.0, but not true."""
    return isinstance(x, bool) == isinstance(y, bool) and x == y


def resolve(schema, root):
    while '$ref' in schema:
        where = schema['$ref']
        if not where.startswith('#/'):
            raise ValueError(f'a schema refers to {where!r}, which is not within it')
        schema = root
        for name in where[2:].split('/'):
            schema = schema[name]
    return schema


def check_value(x, schema, path):
    types = schema.get('type', [])
    types = [types] if isinstance(types, str) else types
    if types and not any(TYPES[t](x) for t in types):
        yield f'{path}: {json.dumps(x)[:60]} is no {" or ".join(types)}'
    if 'enum' in schema and not any(same(x, y) for y in schema['enum']):
        yield f'{path}: {json.dumps(x)[:60]} is none of {schema["enum"]}'
    if 'const' in schema and not same(x, schema['const']):
        yield f'{path}: {json.dumps(x)[:60]} is not {json.dumps(schema["const"])}'


def check_number(x, schema, path):
    if 'minimum' in schema and x < schema['minimum']:
        yield f'{path}: {x} is below {schema["minimum"]}'
    if 'exclusiveMinimum' in schema and x <= schema['exclusiveMinimum']:
        yield f'{path}: {x} is not above {schema["exclusiveMinimum"]}'
    if 'maximum' in schema and x > schema['maximum']:
        yield f'{path}: {x} is above {schema["maximum"]}'


def check_list(x, schema, path, root):
    if len(x) < schema.get('minItems', 0):
        yield f'{path}: {len(x)} items are less than {schema["minItems"]}'
    if len(x) > schema.get('maxItems', len(x)):
        yield f'{path}: {len(x)} items are more than {schema["maxItems"]}'
    for i, item in enumerate(x if 'items' in schema else []):
        yield from check(item, schema['items'], f'{path}[{i}]', root)


def check_object(x, schema, path, root):
    properties, others = schema.get('properties', {}), schema.get('additionalProperties', True)
    for name in schema.get('required', []):
        if name not in x:
            yield f'{path}: {name!r} is missing'
    for name, item in x.items():
        if name in properties:
            yield from check(item, properties[name], f'{path}.{name}', root)
        elif others is False:
            yield f'{path}: {name!r} is not known'
        elif others is not True:
            yield from check(item, others, f'{path}.{name}', root)


def check(x, schema, path, root):
    schema = resolve(schema, root)
    unknown = set(schema) - KNOWN
    if unknown:
        raise ValueError(f'the schema of {path} has keywords that are not known: {sorted(unknown)}')
    yield from check_value(x, schema, path)
    if 'anyOf' in schema and all(any(True for _ in check(x, s, path, root)) for s in schema['anyOf']):
        yield f'{path}: {json.dumps(x)[:60]} is none of what it may be'
    if is_number(x):
        yield from check_number(x, schema, path)
    elif isinstance(x, list):
        yield from check_list(x, schema, path, root)
    elif isinstance(x, dict):
        yield from check_object(x, schema, path, root)


def errors(value, schema):
    return list(check(value, schema, '$', schema))


def main(schema_path, *paths):
    with open(schema_path, encoding='utf-8') as file:
        schema = json.load(file)
    found = []
    for path in paths:
        with open(0 if path == '-' else path, encoding='utf-8') as file:
            found += [f'{path}: {error}' for error in errors(json.load(file), schema)]
    print('\n'.join(found), end='\n' if found else '')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
