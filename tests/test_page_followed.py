"""The page of a film that is still written says so, and up to where nothing will change."""

import pytest
from film_pages import film, segment, show, text  # noqa: F401  (fixtures among them)
from playwright.sync_api import expect


def test_it_says_up_to_where_all_is_final(show):
    shown = show(segment(2, 6, "run"), complete=False, provenance={"followed": {"final_until_s": 6.5}})
    expect(shown.locator("#incomplete")).to_have_text("film goes on, final until 0:00:06.500")


@pytest.mark.parametrize("final_until_s", [None, "6", True, -1, 1e300, {}])
def test_a_time_that_is_not_one_is_not_shown(show, final_until_s):
    shown = show(segment(2, 6, "run"), complete=False, provenance={"followed": {"final_until_s": final_until_s}})
    expect(shown.locator("#incomplete")).to_have_text("incomplete")


def test_of_a_film_that_has_ended_nothing_is_said(show):
    shown = show(segment(2, 6, "run"), provenance={"followed": {"final_until_s": 6.5}})
    expect(shown.locator("#incomplete")).to_be_hidden()
