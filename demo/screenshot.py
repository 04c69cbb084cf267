"""Take a picture of a page as a reader sees it: python demo/screenshot.py PAGE.html PICTURE.png [SECONDS [KEY ...]]

Needs Chromium and the package playwright. SECONDS: where in the film. KEY: pressed one after the other before.
docs/edit.png: demo/out/film.mp4.timeline.html docs/edit.png 0 t n Enter Enter x '}' '}' '}' Enter r 4 Enter
"""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import sync_playwright

SIZE = {"width": 1280, "height": 790}
HIGHER = {"width": 1280, "height": 960}  # with the tools, which keys open


def screenshot(page: Path, picture: Path, seconds: str, keys: Sequence[str]) -> None:
    browser = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "chromium-headless-shell", "google-chrome"))),
        None,
    )
    if browser is None:
        raise SystemExit("Chromium is not installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])  # it opens our own page
        shown = chromium.new_page(viewport=HIGHER if keys else SIZE)
        shown.goto(page.resolve().as_uri() + (f"#t={seconds}" if seconds else ""))
        for key in keys:
            shown.keyboard.press(key)
        shown.wait_for_timeout(2000)  # for the film's frame to be decoded and painted
        shown.screenshot(path=str(picture))
        chromium.close()


if __name__ == "__main__":
    screenshot(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "", sys.argv[4:])
