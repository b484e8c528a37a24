"""The config matrix: from ``configs/matrix.yml`` to leaf configs and their table."""

from .leaf import leaf_text
from .load import Leaf, load_matrix, matrix_leaves
from .readme import readme_table

__all__ = ['Leaf', 'leaf_text', 'load_matrix', 'matrix_leaves', 'readme_table']
