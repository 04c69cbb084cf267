"""The page that shows where two annotators differ, with the way to each film."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from vtn_stream.atomic import check_writable
from vtn_stream.errors import InputError
from vtn_stream.evaluation.agreement_figures import Agreement, LabelAgreement
from vtn_stream.film import bare_name, is_film_name, shareable_name
from vtn_stream.metrics.agreement import Kappa
from vtn_stream.report.agreement_page import ComparedFilm, agreement_page, is_agreement_page
from vtn_stream.results.pages import quiet_way_to

__all__ = ["check_page", "page_of"]

HEAD = 2000  # bytes of a page that say what it is


def check_page(page: Path) -> None:
    """Raises InputError if the name is not that of a page, or if anything but an earlier page of this kind has it."""
    if page.suffix.lower() not in (".html", ".htm"):
        raise InputError(
            f"{page.name} is not the name of a page", "nothing was compared", "give a name that ends in .html"
        )
    try:
        check_writable(page.parent)
        with open(page, "rb") as file:
            ours = is_agreement_page(file.read(HEAD))
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(
            f"{page.name} cannot be written ({error.strerror})", "nothing was compared", "name another page"
        ) from error
    if not ours:
        raise InputError(
            f"{page.name} is there already and is not a page on two annotators",
            "it was kept and nothing was compared",
            "name another page",
        )


def page_of(found: Agreement, page: Path, folders: Iterable[Path] = ()) -> bytes:
    """The page, made for this place: a film is looked for beside it, and in these folders.

    What lies outside of the current folder is not named in it: the page asks for such a film.
    """
    beside = _films_in([page.parent, *folders])
    films = [
        ComparedFilm(
            name=film.name,
            film=_way(film.name, beside, page.parent),
            duration_s=film.duration_s,
            a=film.a,
            b=film.b,
            differing=film.differing,
            compared=film.compared,
            kappas={label: of.kappa.value for label, of in film.labels.items()},
            figures=_figures(found, film.kappa, film.total, film.duration_s, film.compared_s),
        )
        for film in found.films
    ]
    duration_s, compared_s = (sum(f.duration_s for f in found.films), sum(f.compared_s for f in found.films))
    figures = _figures(found, found.kappa, found.total, duration_s, compared_s)
    return agreement_page(films, a=found.a, b=found.b, figures=figures, notes=found.notes)


def _figures(
    found: Agreement, kappa: Kappa, events: LabelAgreement, duration_s: float, compared_s: float
) -> list[tuple[str, str]]:
    value = f"not defined: {kappa.why}" if kappa.value is None else f"{kappa.value + 0.0:.3f}"
    within = zip(found.tolerances_s, events.events, strict=True)
    return [
        ("Cohen's kappa over time", value),
        ("A and B say the same", _percent(kappa.observed) + " of the time"),
        ("compared", f"{compared_s:.1f} of {duration_s:.1f} s"),
        ("events of A, of B", f"{events.num_a}, {events.num_b}"),
        *((f"one event within {tolerance_s:g} s", _percent(share)) for tolerance_s, share in within),
        ("one event by overlap", _percent(events.overlap)),
    ]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _films_in(folders: Iterable[Path]) -> dict[str, list[Path]]:
    """The films that lie in these folders, by their bare names; in the order of the folders."""
    found: dict[str, list[Path]] = {}
    for folder in dict.fromkeys(folders):
        try:
            files = sorted(file for file in folder.iterdir() if is_film_name(file.name) and file.is_file())
        except OSError:
            continue
        for file in files:
            found.setdefault(bare_name(file.name), []).append(file)
    return found


def _way(name: str, beside: dict[str, list[Path]], folder: Path) -> str:
    """The path to a film as seen from the page; "" where it has none, and no suffix to look for."""
    last = shareable_name(PurePosixPath(name.replace("\\", "/")).name)
    files = beside.get(bare_name(name), [])
    named = [file for file in files if file.name == last]
    for file in named or files:
        if (way := quiet_way_to(file, folder, Path.cwd())) is not None:
            return way
    return last if is_film_name(last) else ""
