"""Fuzzing of what reads strangers' bytes (`wire/`) and of the configuration's language.

`python -m tests.fuzz SECONDS [TARGET…]`: with atheris, where it is installed, guided by coverage;
else by mutating the seeds. The seeds are the hostile tables and the tests' configurations.
"""
