# make demo          set everything up, analyze a real film offline, show its timeline and write its page
# make test          set everything up, pass every check
# make check         lint, types and import floors only
# make test-failed   what failed in the last make test, again
# make test-release  what make test leaves out: more of the same, for minutes
# make bench         measure against limits and peers

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Else each process of the tests would compile all of them again.
export PYTHONDONTWRITEBYTECODE :=
.PHONY: demo test test-failed test-release check bench clean

demo: $(VENV)/installed
	$(BIN)/python demo/make_film.py demo/out
	$(BIN)/vtn-stream analyze demo/out/film.mp4 -o demo/out --store demo/out/store
	$(BIN)/python demo/check.py demo/out

test: check
	$(BIN)/python -m pytest -n auto

# What failed last time, one after the other. Nothing to try is a failure: then it was not a test that failed.
test-failed: check
	$(BIN)/python -m pytest --last-failed --last-failed-no-failures none -v

test-release: $(VENV)/installed
	$(BIN)/python -m pytest -n auto -m "release or hypothesis" --hypothesis-profile explore

check: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python .ci/rooms.py

bench: $(VENV)/installed
	$(BIN)/python benchmarks/spine.py
	$(BIN)/python benchmarks/decoding.py
	$(BIN)/python benchmarks/decoders.py
	$(BIN)/python benchmarks/embedding.py
	$(BIN)/python benchmarks/inputs.py
	$(BIN)/python benchmarks/cuts.py
	$(BIN)/python benchmarks/odd_media.py
	$(BIN)/python benchmarks/temporal.py
	$(BIN)/python benchmarks/end_to_end.py
	$(BIN)/python -m pip install --quiet --editable '.[headline]'
	$(BIN)/python benchmarks/headline.py
	$(BIN)/python benchmarks/training_step.py
	$(BIN)/python benchmarks/film_with_model.py
	$(BIN)/python benchmarks/long_encoding.py
	$(BIN)/python benchmarks/long_localization.py
	$(BIN)/python benchmarks/indoor_actions.py
	$(BIN)/python benchmarks/cctv_fight.py
	$(BIN)/python benchmarks/cluster.py
	$(BIN)/python benchmarks/following.py
	$(BIN)/python benchmarks/page.py

# Once, and again when the dependencies change.
$(VENV)/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "vtn-stream needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[demo,dev,ray]'
	touch $@

clean:
	rm -rf $(VENV) demo/out build dist *.egg-info
