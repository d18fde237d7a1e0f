# Each target is one plain command or a few; CONTRIBUTING.md gives them for systems without make.
PYTHON ?= python3
NAMED = $(filter-out file,$(origin PYTHON)) # not empty where PYTHON is given: then .venv follows it
BIN = .venv/bin
TWO = -n 2 --dist loadfile # two files of tests, or two chapters, at a time, each on one core

.PHONY: book pdf zip lab test access lighthouse floors canary links notebook-diffs colab execute \
  exercises assign grade grades repository experiments faults clean always

book: .venv/book
	$(BIN)/jupyter-book build . -W -n --keep-going
	@echo "The book: file://$(CURDIR)/_build/html/index.html"

# The whole book as one PDF (needs Chromium), and the site as one archive; the start page links to both.
pdf zip: book
	$(BIN)/python tools/take_away.py $@

lab: .venv/run
	$(BIN)/jupyter lab notebooks

test: export OMP_NUM_THREADS = 1
test: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python tools/notebooks.py check
	$(BIN)/pytest $(TWO)
	ALEXNET_COURSE_CIFAR10=stand-in ALEXNET_COURSE_SCALE=quick TQDM_DISABLE=1 \
	  $(BIN)/pytest $(TWO) --nbval --nbval-current-env --nbval-cell-timeout=300 notebooks/*.ipynb
	$(BIN)/mypy

# Every page in a browser: each width and mode, and a walk through it by keyboard; some ten minutes.
# The explorer's rules on 10,000 networks, too; the suite takes 2,000.
access: .venv/test
	ALEXNET_COURSE_EVERY=1 $(BIN)/pytest tests/test_browser.py tests/test_explorer.py

# A benchmark: needs npx, Chromium and a machine that does nothing else; PAGES="06_lrn glossary" for some.
lighthouse: book
	$(BIN)/python tools/lighthouse.py $(PAGES)

# The suite at the oldest versions that pyproject.toml allows; of chapters, only that they run.
floors: export OMP_NUM_THREADS = 1
floors: .venv-floors/made
	.venv-floors/bin/pytest $(TWO)
	ALEXNET_COURSE_CIFAR10=stand-in ALEXNET_COURSE_SCALE=quick TQDM_DISABLE=1 \
	  .venv-floors/bin/pytest $(TWO) --noconftest --nbval-lax --nbval-current-env \
	  --nbval-cell-timeout=300 notebooks/*.ipynb

# The book by plain Sphinx and today's versions, into _build/canary; CONTRIBUTING.md tells what for.
canary: .venv/book .venv-canary/pyvenv.cfg
	.venv-canary/bin/pip install --quiet --upgrade sphinx sphinx-book-theme myst-nb sphinx-comments \
	  sphinx-copybutton sphinx-design sphinx-exercise sphinx-external-toc sphinx-jupyterbook-latex \
	  sphinx-multitoc-numbering sphinx-thebe sphinx-togglebutton sphinxcontrib-bibtex \
	  beautifulsoup4 brotli filelock fonttools latex2mathml pillow pytest pyyaml tinycss2
	$(BIN)/jupyter-book config sphinx .
	sed -i.old "s/'jupyter_book', //" conf.py
	PYTHONPATH=book/_extensions .venv-canary/bin/sphinx-build -E -W -n --keep-going . _build/canary; \
	  code=$$?; rm conf.py conf.py.old; exit $$code
	ALEXNET_COURSE_BOOK=_build/canary PYTHONPATH=tests \
	  .venv-canary/bin/pytest --noconftest -p built tests/test_book.py

# Needs a network, and says what sites answer today: never part of the tests.
links: .venv/book
	$(BIN)/jupyter-book build . --builder linkcheck

notebook-diffs: .venv/test
	$(BIN)/nbdime config-git --enable

execute: .venv/test
	$(BIN)/python tools/notebooks.py execute

colab: .venv/test
	ALEXNET_COURSE_EVERY=1 $(BIN)/pytest tests/test_colab.py

exercises: .venv/test
	$(BIN)/python tools/exercises.py try
	$(BIN)/python tools/exercises.py release

assign: .venv/test
	$(BIN)/python tools/exercises.py assign "$(or $(EXERCISE),$(error say EXERCISE=ex03))" "$(or $(OUT),$(error say OUT=folder))"

grade: .venv/test
	$(BIN)/python tools/grading.py grade "$(or $(FROM),$(error say FROM=folder or FROM=archive.zip))" $(if $(CLASS)$(NUMBERS),--class "$(or $(CLASS),$(NUMBERS))")

grades: .venv/test
	$(BIN)/python tools/grading.py report

repository: .venv/test
	$(BIN)/python tools/notebooks.py repository "$(URL)"
	$(BIN)/python tools/exercises.py release

experiments: .venv/test
	for name in $$($(BIN)/python -c "from alexnet_course.experiments import EXPERIMENTS; \
	print(*EXPERIMENTS)"); do $(BIN)/python -m alexnet_course experiment $$name || exit; done

# Plants every kind of fault in three programs, three times, and in pairs, looks at every arm of the
# experiments, and records what diagnose finds; half an hour, and CIFAR-10.
faults: export OMP_NUM_THREADS = 1
faults: .venv/test
	$(BIN)/python tests/faults.py

clean:
	rm -rf _build build .venv .venv-floors .venv-canary *.egg-info

# Looked at each time; changes only where .venv is made anew, and then all is installed again.
.venv/pyvenv.cfg: always
	@$(PYTHON) tools/environment.py $(NAMED)

always:

.venv/book: .venv/pyvenv.cfg requirements-book.txt requirements.txt pyproject.toml
	$(BIN)/pip install --quiet -r requirements-book.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

.venv/run: .venv/book
	$(BIN)/pip install --quiet -r requirements.txt
	touch $@

.venv/test: .venv/run requirements-test.txt
	$(BIN)/pip install --quiet -r requirements-test.txt
	touch $@

.venv-canary/pyvenv.cfg:
	$(PYTHON) -m venv .venv-canary

.venv-floors/made: pyproject.toml
	$(PYTHON) -m venv --clear .venv-floors
	.venv-floors/bin/pip install --quiet uv
	.venv-floors/bin/uv pip compile --quiet --all-extras --resolution lowest-direct pyproject.toml \
	  --output-file .venv-floors/floors.txt
	.venv-floors/bin/pip install --quiet -r .venv-floors/floors.txt
	.venv-floors/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@
