"""Which films are one recording that a camera cut into files: by names, clocks, shapes and sizes. Opens no file.

What is joined, and why, is in `deciding`; what names say in `names`, what clocks say in `clocks`, and what makes two
files one recording in `linking`.
"""

from vtn_stream.joining.clocks import Traits, traits_of
from vtn_stream.joining.deciding import Apart, JoinedFiles, Joining, Settled, join_files
from vtn_stream.joining.told import told, told_apart

__all__ = ["Apart", "JoinedFiles", "Joining", "Settled", "Traits", "join_files", "told", "told_apart", "traits_of"]
