"""The `accel` command and the measurements behind it.

base, records           usable by all: text, tables, files, processes; the formats of records
plans, quality, doctor  plans by name; scores of pictures; what this machine has
timing, scenarios       contenders in the same rounds; plans under MLPerf's loads
profiles, codegen       what is known of devices; scripts made of it
evaluation, benchmark   `accel evaluate` and `accel bench`
peers                   other software in the same rounds
replay, trace, search   a profile run again; a record for Perfetto; the search for plans
doubts, report          reasons to doubt a record; records as one page
cli                     a file for each command

`tests/test_layering.py` says which of them may import which.
"""
