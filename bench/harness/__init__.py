# SPDX-License-Identifier: MIT
"""What `bench/run` is made of: the table of rows, their spellings, the measuring process, the report."""
