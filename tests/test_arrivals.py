"""Which films of a watched folder are complete: looks at a pretended disk, on a pretended clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream_pipelines.arrivals import Arrivals, Sighting, is_unfinished_name

AT_REST_S = 10.0


def seen(path="/films/a.mp4", num_bytes=100, changed_ns=0):
    return Sighting(path=path, num_bytes=num_bytes, changed_ns=changed_ns)


class Folder:
    """A folder that is looked at every second, from 0 s on."""

    def __init__(self):
        self.arrivals = Arrivals(AT_REST_S)
        self.now_s = 0.0
        self.taken = []  # (when, what)

    def look(self, *films):
        """One look, which takes what is complete."""
        found = self.arrivals.look(films, began_s=self.now_s, ended_s=self.now_s)
        for film in found.at_rest:
            self.arrivals.take(film)
            self.taken.append((self.now_s, film))
        self.now_s += 1
        return found

    def looks(self, num, *films):
        for _ in range(num):
            found = self.look(*films)
        return found


@pytest.fixture
def folder():
    return Folder()


@pytest.mark.parametrize("name", ["~a.mp4", "a.part.mp4", "a.temp.mp4", "a.TMP.mkv", "a.crdownload.mp4"])
def test_names_of_unfinished_films(name):
    assert is_unfinished_name(name)


@pytest.mark.parametrize("name", ["a.mp4", "part.mp4", "depart.mp4", "a.part1.mp4", "temp/a.mp4", "a~.mp4"])
def test_other_names(name):
    assert not is_unfinished_name(name)


def test_a_film_is_taken_once_when_it_has_been_at_rest(folder):
    folder.looks(60, seen())
    assert folder.taken == [(AT_REST_S, seen())]


def test_a_film_that_grows_is_not_taken_until_it_is_at_rest(folder):
    for size in range(1, 31):
        found = folder.look(seen(num_bytes=size))
        assert (found.waiting, found.is_quiet) == ((seen(num_bytes=size),), False)
    folder.looks(30, seen(num_bytes=30))
    assert folder.taken == [(29 + AT_REST_S, seen(num_bytes=30))]


def test_a_film_that_is_written_over_at_its_size_is_not_at_rest(folder):
    for i in range(30):
        folder.look(seen(changed_ns=i))
    assert folder.taken == []


def test_the_time_that_a_look_takes_is_no_rest():
    arrivals = Arrivals(AT_REST_S)
    arrivals.look([seen()], began_s=0, ended_s=30)
    assert arrivals.look([seen()], began_s=31, ended_s=61).at_rest == ()
    assert arrivals.look([seen()], began_s=62, ended_s=92).at_rest == (seen(),)


def test_the_clock_of_the_disk_does_not_matter(folder):
    films = [seen("/a.mp4", changed_ns=0), seen("/b.mp4", changed_ns=2**62)]
    folder.looks(60, *films)
    assert folder.taken == [(AT_REST_S, film) for film in films]


def test_an_empty_file_and_an_unfinished_name_are_waited_for_in_silence(folder):
    films = [seen("/a.mp4", num_bytes=0), seen("/b.part.mp4")]
    found = folder.looks(60, *films)
    assert folder.taken == []
    assert (found.waiting, found.is_quiet) == ((*films,), True)
    folder.looks(60, seen("/a.mp4", num_bytes=0), seen("/b.mp4"))
    assert folder.taken == [(60 + AT_REST_S, seen("/b.mp4"))]


def test_a_film_that_changes_after_it_was_analyzed_is_taken_again(folder):
    folder.looks(20, seen())
    folder.arrivals.over(seen().path, failed=False)
    found = folder.look(seen(num_bytes=200))
    assert found.waiting == (seen(num_bytes=200),)
    folder.looks(9, seen(num_bytes=200))
    assert len(folder.taken) == 1
    at_rest = folder.arrivals.look([seen(num_bytes=200)], began_s=folder.now_s, ended_s=folder.now_s).at_rest
    taken = folder.arrivals.take(*at_rest)
    assert (taken.is_again, taken.has_failed) == (True, False)


def test_a_film_that_changes_while_it_is_in_work_waits_until_that_is_over(folder):
    folder.looks(20, seen())
    folder.looks(20, seen(num_bytes=200))
    assert [film.num_bytes for _, film in folder.taken] == [100]
    folder.arrivals.over(seen().path, failed=True)
    folder.look(seen(num_bytes=200))
    assert [film.num_bytes for _, film in folder.taken] == [100, 200]


def test_a_film_that_failed_is_not_tried_again_until_it_changes(folder):
    folder.looks(20, seen())
    folder.arrivals.over(seen().path, failed=True)
    folder.looks(60, seen())
    assert len(folder.taken) == 1
    folder.looks(20, seen(changed_ns=1))
    assert len(folder.taken) == 2


@pytest.mark.parametrize("failed", [False, True])
@pytest.mark.parametrize("fails_first", [False, True])
def test_a_film_that_failed_while_its_disk_was_away_is_tried_again(folder, failed, fails_first):
    folder.looks(20, seen())
    if fails_first:
        folder.arrivals.over(seen().path, failed=failed)
    folder.looks(20)
    if not fails_first:
        folder.arrivals.over(seen().path, failed=failed)
    assert not folder.look(seen()).is_quiet
    assert len(folder.taken) == 1
    folder.looks(20, seen())
    assert len(folder.taken) == 1 + failed


def test_a_film_that_fails_again_after_its_disk_came_back_is_left_alone(folder):
    folder.looks(20, seen())
    folder.looks(20)
    for num_taken in (1, 2, 2):
        folder.arrivals.over(seen().path, failed=True)
        assert len(folder.taken) == num_taken
        folder.looks(20, seen())


def test_a_folder_is_quiet_when_nothing_changes_and_nothing_will_be_at_rest(folder):
    quiet = [folder.look(seen()).is_quiet for _ in range(14)]
    assert quiet == [False] * 10 + [True] * 4


# What a writer does: it writes, pauses less than AT_REST_S, is renamed, and ends.
steps = st.lists(st.tuples(st.sampled_from(["grow", "rewrite", "hide"]), st.integers(1, 8)), min_size=1, max_size=12)


@given(
    writers=st.lists(st.tuples(st.integers(0, 30), steps), min_size=1, max_size=4),
    pauses=st.lists(st.floats(0.1, 3), min_size=1, max_size=9),
    look_s=st.floats(0, 2),
    work_s=st.floats(0, 40),
)
def test_each_film_is_taken_once_in_its_final_form(writers, pauses, look_s, work_s):
    """Whatever the order of writes and looks, where no writer pauses as long as a film must be at rest."""
    history = []  # of each film: when, and what is there from then on
    for number, (begin_s, writes) in enumerate(writers):
        at_s, size, changed, forms = float(begin_s), 0, 0, []
        for what, pause_s in writes:
            size, changed = size + (what == "grow"), changed + 1
            is_hidden = what == "hide"  # it is called otherwise for a while
            forms.append((at_s, None if is_hidden else seen(f"/{number}.mp4", 1 + size, changed)))
            at_s += pause_s
        forms.append((at_s, seen(f"/{number}.mp4", 1 + size, changed + 1)))
        history.append(forms)

    def there(now_s):
        return [form for forms in history if (form := [None, *(f for at, f in forms if at <= now_s)][-1]) is not None]

    arrivals, now_s, taken, in_work = Arrivals(AT_REST_S), 0.0, [], []
    end_s = max(forms[-1][0] for forms in history) + 40 + 2 * work_s
    for i in range(10_000):
        if now_s > end_s:
            break
        for film, until_s in [*in_work]:
            if until_s <= now_s:
                in_work.remove((film, until_s))
                arrivals.over(film.path, failed=False)
        look = arrivals.look(there(now_s + look_s / 2), began_s=now_s, ended_s=now_s + look_s)
        now_s += look_s
        for film in look.at_rest:
            arrivals.take(film)
            taken.append(film)
            in_work.append((film, now_s + work_s))
        now_s += pauses[i % len(pauses)]
    assert sorted(taken, key=lambda film: film.path) == [forms[-1][1] for forms in history]
    assert look.is_quiet
    assert look.waiting == ()


@given(
    forms=st.lists(st.tuples(st.integers(1, 3), st.floats(0, 40)), min_size=1, max_size=8),
    work_s=st.floats(0, 60),
    fails=st.booleans(),
)
def test_the_last_form_is_taken_whatever_a_writer_does(forms, work_s, fails):
    """Also where it pauses longer: what was taken too early is taken again."""
    arrivals, now_s, last, over_s = Arrivals(AT_REST_S), 0.0, None, None
    changes, at_s = [], 0.0
    for number, (size, pause_s) in enumerate(forms):
        changes.append((at_s, seen(num_bytes=size, changed_ns=number)))
        at_s += pause_s
    while now_s < at_s + 2 * work_s + 40:
        if over_s is not None and over_s <= now_s:
            arrivals.over(last.path, failed=fails)
            over_s = None
        film = [film for when_s, film in changes if when_s <= now_s][-1]
        for found in arrivals.look([film], began_s=now_s, ended_s=now_s).at_rest:
            assert found != last
            assert over_s is None
            arrivals.take(found)
            last, over_s = found, now_s + work_s
        now_s += 1
    assert last == changes[-1][1]
