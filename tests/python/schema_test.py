# SPDX-License-Identifier: MIT
"""What schema.py accepts, and what it refuses and where."""
import unittest

from schema import errors

PEER = {'type': 'object', 'required': ['name', 'ns'], 'additionalProperties': False,
        'properties': {'name': {'type': 'string'}, 'ns': {'type': ['number', 'null'], 'minimum': 0},
                       'kind': {'enum': ['c', 'python', 1, None]}}}
RUN = {'$defs': {'peer': PEER}, 'type': 'object', 'additionalProperties': {'type': 'integer'},
       'properties': {'version': {'const': 1}, 'peers': {'type': 'array', 'minItems': 1, 'maxItems': 2,
                                                         'items': {'$ref': '#/$defs/peer'}},
                      'share': {'type': 'number', 'exclusiveMinimum': 0, 'maximum': 1},
                      'either': {'anyOf': [{'type': 'string'}, {'type': 'integer', 'minimum': 5}]}}}


class Schema(unittest.TestCase):
    def test_valid_values_have_no_errors(self):
        for value in ({}, {'version': 1}, {'version': 1.0}, {'peers': [{'name': 'x', 'ns': 0}]}, {'share': 1}, {'n': 3},
                      {'peers': [{'name': '', 'ns': None, 'kind': None}, {'name': '', 'ns': 1.5, 'kind': 'c'}]},
                      {'either': 'x'}, {'either': 5}, {'n': 3.0}):
            self.assertEqual(errors(value, RUN), [], value)

    def test_every_keyword_refuses_what_it_says(self):
        for value, place in (([], '$'), (None, '$'), ({'version': 2}, '$.version'), ({'version': True}, '$.version'),
                             ({'peers': []}, '$.peers'), ({'peers': [{'name': 'x', 'ns': 1}] * 3}, '$.peers'),
                             ({'peers': [{'name': 'x'}]}, '$.peers[0]'), ({'peers': [{'name': 1, 'ns': 1}]}, '$.peers[0].name'),
                             ({'peers': [{'name': 'x', 'ns': -1}]}, '$.peers[0].ns'),
                             ({'peers': [{'name': 'x', 'ns': True}]}, '$.peers[0].ns'),
                             ({'peers': [{'name': 'x', 'ns': float('nan')}]}, '$.peers[0].ns'),
                             ({'peers': [{'name': 'x', 'ns': 1, 'more': 1}]}, '$.peers[0]'),
                             ({'peers': [{'name': 'x', 'ns': 1, 'kind': 'fortran'}]}, '$.peers[0].kind'),
                             ({'peers': [{'name': 'x', 'ns': 1, 'kind': True}]}, '$.peers[0].kind'),
                             ({'share': 0}, '$.share'), ({'share': 1.5}, '$.share'), ({'n': 'x'}, '$.n'), ({'n': 1.5}, '$.n'),
                             ({'either': 4}, '$.either')):
            found = errors(value, RUN)
            self.assertEqual(len(found), 1, (value, found))
            self.assertTrue(found[0].startswith(place + ': '), found)

    def test_all_errors_are_told(self):
        self.assertEqual(len(errors({'peers': [{'ns': -1}, {'name': 1, 'ns': ''}]}, RUN)), 4)

    def test_unknown_keywords_and_far_references_are_errors_of_the_schema(self):
        for schema in ({'pattern': 'x'}, {'properties': {'x': {'oneOf': []}}}, {'$ref': 'http://example.org/schema'}):
            with self.assertRaises(ValueError):
                errors({'x': 1}, schema)


if __name__ == '__main__':
    unittest.main()
