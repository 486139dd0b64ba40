"""The contract suites: what every implementation of a port promises, a module per port.

A test module of a backend takes one over with `from logleap.testing.contracts.datasets import *`, and gets
its fixtures from `logleap.testing.plugin`.
"""
