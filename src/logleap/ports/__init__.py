"""What LogLeap needs from the outside: small abstract classes whose docstrings are the specification.

Every adapter keeps every word of them; the suites in tests/contracts run over each.
"""
