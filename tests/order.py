"""In which order, and by how many processes, the tests are run.

pytest-xdist hands out groups of tests. Here a group is a file, but all files that start Ray are one, so that they share
a cluster and no two fill the machine at once. What takes long begins first: nobody is left alone with it at the end.
None of this is needed for a test to pass: in any order, alone or beside others, they say the same.
"""

import os
from pathlib import PurePosixPath

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# They start Ray, and wait for its processes most of the time: a quarter of the suite.
RAY = (
    "test_batch_faults.py",
    "test_batch.py",
    "test_check.py",
    "test_pool.py",
    "test_batch_watched.py",
    "test_connection.py",
    "test_batch_joined.py",
    "test_batch_runs.py",
)
# Ten seconds and more on a busy machine, the longest first (pytest --durations=0).
SLOW = (
    "test_learn.py",
    "test_page_everybody.py",  # a browser
    "test_decoding_process.py",
    "test_encoder.py",
    "test_recordings.py",
    "test_teach.py",
    "test_demo.py",
    "test_embedding.py",
    "test_analyze_cli.py",
    "test_edit_drafts.py",  # a browser
    "test_edit_review.py",  # a browser
    "test_edit_labels.py",  # a browser
    "test_edit_mouse.py",  # a browser
    "test_readers.py",
    "test_loop.py",
    "test_checkpoint_file.py",
    "test_labelled_clips.py",
    "test_published.py",
    "test_cutter.py",
    "test_decoders.py",
    "test_index_use.py",  # a browser
    "test_second_stage.py",
    "test_edit_save.py",  # a browser
    "test_follow.py",
    "test_video.py",
    "test_train_paper.py",
    "test_edit_coding.py",  # a browser
    "test_cli_follow_runs.py",
    "test_worker.py",
    "test_edit_menu.py",  # a browser
    "test_analysis.py",
    "test_references.py",
    "test_fits.py",
    "test_page_recording.py",  # a browser
    "test_edit_document.py",  # a browser
    "test_distrust.py",
    "test_published_refused.py",
    "test_feed_segments.py",
    "test_follow_containers.py",
    "test_index_look.py",  # a browser
    "test_page_no_film.py",  # a browser
    "test_trainable.py",
    "test_compare_cli.py",
    "test_backbone_names.py",
    "test_train_from.py",
    "test_edit_borders.py",  # a browser
    "test_probe_export_cache_cli.py",
    "test_cuts.py",
    "test_live_actions.py",
    "test_page_tip.py",  # a browser
    "test_page_playing.py",  # a browser
    "test_packaging.py",
    "test_page_shots.py",  # a browser
    "test_suggest_cli.py",
    "test_model_analysis.py",
    "test_convert.py",
    "test_edit_whole.py",  # a browser
    "test_page_filters.py",  # a browser
    "test_store.py",
    "test_killed_within.py",
    "test_plots.py",
    "test_learnt_films.py",
    "test_scenes.py",
    "test_both_decoders.py",
    "test_resume.py",
    "test_score_cli.py",
)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many processes `-n auto` means: one more than there are cores, as one of them always waits for something."""
    return int(os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS") or len(os.sched_getaffinity(0)) + 1)


_gives_way = False


def _file(nodeid: str) -> str:
    return PurePosixPath(nodeid.partition("::")[0]).name


class Groups(LoadScopeScheduling):
    """Hands out the groups in the order in which their first tests were collected."""

    def _split_scope(self, nodeid: str) -> str:
        file = _file(nodeid)
        return "ray" if file in RAY else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Groups:
    config.option.loadscopereorder = False  # not by the number of tests, which says nothing
    return Groups(config, log)


def pytest_runtest_logstart(nodeid: str) -> None:
    """Processes that compute give way to the one with Ray's files, which waits most of its time and ends last."""
    global _gives_way
    if not _gives_way and "PYTEST_XDIST_WORKER" in os.environ and _file(nodeid) not in RAY:
        os.nice(5)
        _gives_way = True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {file: number for number, file in enumerate([*RAY, *SLOW])}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))
