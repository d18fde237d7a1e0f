# Each target is one plain command or a few; CONTRIBUTING.md gives them for systems without make.
PYTHON ?= python3
BIN = .venv/bin

.PHONY: book test colab execute exercises grade grades repository experiments clean

book: .venv/book
	$(BIN)/jupyter-book build . -W -n --keep-going
	@echo "The book: file://$(CURDIR)/_build/html/index.html"

test: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python tools/notebooks.py check
	$(BIN)/pytest
	ALEXNET_COURSE_CIFAR10=stand-in ALEXNET_COURSE_SCALE=quick TQDM_DISABLE=1 \
	  $(BIN)/pytest --nbval --nbval-current-env --nbval-cell-timeout=300 notebooks/*.ipynb

execute: .venv/test
	$(BIN)/python tools/notebooks.py execute

colab: .venv/test
	ALEXNET_COURSE_EVERY=1 $(BIN)/pytest tests/test_colab.py

exercises: .venv/test
	$(BIN)/python tools/exercises.py try
	$(BIN)/python tools/exercises.py release

grade: .venv/test
	$(BIN)/python tools/grading.py grade "$(or $(FROM),$(error say FROM=folder or FROM=archive.zip))" $(if $(NUMBERS),--numbers "$(NUMBERS)")

grades: .venv/test
	$(BIN)/python tools/grading.py report

repository: .venv/test
	$(BIN)/python tools/notebooks.py repository "$(URL)"
	$(BIN)/python tools/exercises.py release

experiments: .venv/test
	for name in $$($(BIN)/python -c "from alexnet_course.experiments import EXPERIMENTS; \
	print(*EXPERIMENTS)"); do $(BIN)/python -m alexnet_course experiment $$name || exit; done

clean:
	rm -rf _build build .venv *.egg-info

.venv/book: requirements.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -r requirements.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

.venv/test: .venv/book requirements-test.txt
	$(BIN)/pip install --quiet -r requirements-test.txt
	touch $@
