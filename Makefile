# `make run` shows what this is; `make test` and `make check` are what CI runs.

PYTHON ?= python3
VENV ?= .venv
# For a venv over a distribution's packages: VENV_FLAGS=--system-site-packages
VENV_FLAGS ?=
TESTS ?= tests
FAST = $(filter-out tests/integration,$(patsubst %/__init__.py,%,$(wildcard tests/*/__init__.py)))

python = $(VENV)/bin/python
twistd = $(python) -c 'from twisted.scripts.twistd import run; run()'
trial = $(python) -m twisted.trial
# "compat" puts this directory on sys.path, where Twisted looks for twisted/plugins.
editable = $(python) -m pip install --quiet --config-settings editable_mode=compat --editable

# How long `make fuzz` tries, in seconds, and what (request, response, chunks, configuration).
SECONDS ?= 60
TARGETS ?=

.PHONY: help run test test-fast check fuzz docs deb bench clean

help:
	@echo 'make run        serve the demonstration on http://localhost:8080/ (no root, stop with Ctrl-C)'
	@echo 'make test       all tests; TESTS=tests.config for a part'
	@echo 'make test-fast  without the tests that start other servers'
	@echo 'make check      ruff and mypy'
	@echo 'make fuzz       fuzzing for a minute; SECONDS=3600 for an hour, TARGETS=request for a part'
	@echo 'make docs       docs/ from the directive table'
	@echo 'make deb        the Debian package, in the directory above'
	@echo 'make bench      CPU and memory beside other proxies; ONLY="proxy_small gzip" for a part'
	@echo 'make clean      remove what these made'

run: $(VENV)/with-run
	@mkdir -p run
	@echo 'http://localhost:8080/ is the demonstration; Ctrl-C stops it.'
	@$(twistd) -n --pidfile= reverseproxy --config etc/demo --prefix .

test: $(VENV)/with-test
	$(trial) --temp-directory=_trial_temp-$(notdir $(VENV)) $(TESTS)

test-fast: $(VENV)/with-test
	$(trial) --temp-directory=_trial_temp-$(notdir $(VENV)) $(subst /,.,$(FAST) $(patsubst %.py,%,$(wildcard tests/test_*.py)))

check: $(VENV)/with-check
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

fuzz: $(VENV)/with-fuzz
	$(python) -m tests.fuzz $(SECONDS) $(TARGETS)

docs: $(VENV)/with-run
	@mkdir -p docs
	$(python) -m reverseproxy.reference docs

# With Debian's Python, whatever else is on the path.
deb:
	PATH=/usr/sbin:/usr/bin:/sbin:/bin dpkg-buildpackage -us -uc -b

bench: $(VENV)/with-test
	$(python) -m bench $(ONLY)

clean:
	rm -rf .venv .venv-* run build dist _trial_temp* .mypy_cache .ruff_cache .hypothesis
	rm -rf *.egg-info dropin.cache twisted/plugins/dropin.cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# atheris has wheels for some Pythons only; without it the seeds are mutated blindly.
$(VENV)/with-fuzz: $(VENV)/with-test
	-$(editable) '.[fuzz]'
	@touch $@

# One venv, filled as far as a target needs it, and made anew when setup.cfg changes.
$(VENV)/made: setup.cfg
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo '$(PYTHON) is older than Python 3.11; try make PYTHON=python3.11 …' >&2; exit 1; }
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV_FLAGS) $(VENV)
	@touch $@

$(VENV)/with-run: $(VENV)/made
	$(editable) .
	@touch $@

$(VENV)/with-test $(VENV)/with-check: $(VENV)/with-%: $(VENV)/with-run
	$(editable) '.[$*]'
	@touch $@
