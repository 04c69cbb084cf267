"""A real headless Chromium for pages that open from file://, and what a page must not do.

    def test_it_opens(open_page, tmp_path):
        page = open_page(tmp_path / "report.html")

`open_page` fails the test at its end where a page logged a warning or an error, threw, broke its content security
policy or asked for anything but files. Without a Chromium the tests are skipped; under VTN_STREAM_REQUIRE_BROWSER=1
they fail instead.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

__all__ = ["axe_violations", "browser", "chromium", "open_page", "open_page_once", "pages"]

LIMIT_S = 60  # for anything that must happen, however busy the machine
# The first is the engine without windows: the same pages for less than half the CPU time.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
INSIDE = ("file:", "data:", "blob:", "about:")


def chromium() -> str:
    """Where the browser is; skips or fails the test where there is none."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        if os.environ.get("VTN_STREAM_REQUIRE_BROWSER") == "1":
            pytest.fail("this test needs Chromium, and none is installed")
        pytest.skip("needs Chromium")
    return found


@pytest.fixture(scope="module")  # its loop would be in the way of others' in the same process
def browser() -> Iterator[Any]:
    from playwright.sync_api import expect, sync_playwright

    path = chromium()
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # root cannot have one
    expect.set_options(timeout=1000 * LIMIT_S)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=arguments)
        yield started
        started.close()


@pytest.fixture(scope="module")
def open_page_once(browser: Any) -> Iterator[Callable[..., Any]]:
    """As `open_page`, for a page that all tests of a file share."""
    with pages(browser) as open_:
        yield open_


@contextmanager
def pages(browser: Any) -> Iterator[Callable[..., Any]]:
    """open_page(path, fragment="", allowed=(), **options): the page, loaded. options: those of a browser context.

    allowed: parts of messages that this page may log, such as that of a film which is not there.
    """
    contexts, wrongs = [], []

    def open_(path: Path, fragment: str = "", allowed: tuple[str, ...] = (), **options: Any) -> Any:
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}} | options))
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(1000 * LIMIT_S)

        def log(kind: str, text: str) -> None:
            if not any(part in text for part in allowed):
                wrongs.append(f"{path.name}: {kind}: {text}")

        page.on("console", lambda m: log("console", m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: log("thrown", str(error)))
        page.on("request", lambda r: None if r.url.startswith(INSIDE) else log("request", r.url))
        page.goto(path.as_uri() + fragment)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert wrongs == [], wrongs


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """`pages` of one test."""
    with pages(browser) as open_:
        yield open_


def axe_violations(page: Any) -> list[str]:
    """What axe-core finds wrong with the page as it stands: rule, then the elements."""
    from axe_playwright_python.sync_playwright import Axe

    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})
    return [
        f"{v['id']}: {[node['target'] for node in v['nodes']]} {v['nodes'][0].get('failureSummary', '')}"
        for v in found.response["violations"]
    ]
