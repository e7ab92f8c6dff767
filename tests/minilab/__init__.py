"""A family from outside, as small as one can be: clips with one label each, a linear model, a table of errors.

It is the example of docs/add_a_family.md. The configuration names this module:
``families: [dialogue, biosignals, minilab]``.
"""

from minilab.family import Clips as FAMILY

__all__ = ["FAMILY"]
