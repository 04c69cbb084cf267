"""Draw a timeline as the terminal shows it: python demo/picture.py TIMELINE.json PICTURE.svg"""

import re
import sys
from pathlib import Path

from rich.console import Console

from vtn_stream.results import load_timeline
from vtn_stream_cli import console

if __name__ == "__main__":
    console.out = Console(record=True, width=96, force_terminal=True, color_system="truecolor", highlight=False)
    console.show_timeline(load_timeline(Path(sys.argv[1])))
    svg = console.out.export_svg(title="vtn-stream analyze film.mp4")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # rich's template fetches fonts from the web
    Path(sys.argv[2]).write_text(svg)
