"""The pages are doctests: python -m pytest --doctest-glob="*.rst" docs"""

collect_ignore = ["conf.py"]
collect_ignore_glob = ["_build/*", "auto_examples/*", "api/generated/*"]
