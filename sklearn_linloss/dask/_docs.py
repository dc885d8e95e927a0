"""Docstrings of the classes on Dask, from those of the local ones."""

import inspect
import re
from dataclasses import fields


def documented_like(local, summary, notes, parameters):
    """Give a class the docstring of its local one, with what is different.

    Parameters
    ----------
    local : type
        The local class.
    summary : str
        Takes the place of what its docstring says before the parameters.
    notes : str
        Takes the place of what follows the attributes.
    parameters : dict of str
        What to say of some parameters: the type on the first line, and the description.

    Returns
    -------
    decorate : callable
    """
    if local.__doc__ is None:  # python -OO
        return lambda cls: cls
    sections = dict(_sections(inspect.cleandoc(local.__doc__)))
    known = dict(_entries(sections["Parameters"])) | parameters
    see = f"sklearn_linloss.{local.__name__} : The same on local data."

    def decorate(cls):
        names = inspect.signature(cls).parameters
        entries = [_entry(name, known[name]) for name in names]
        parts = [
            inspect.cleandoc(summary),
            _section("Parameters", "\n".join(entries)),
            _section("Attributes", sections["Attributes"]),
            _section("See Also", see),
            _section("Notes", inspect.cleandoc(notes)),
        ]
        cls.__doc__ = "\n\n".join(parts) + "\n"
        return cls

    return decorate


def fields_like(local, summary):
    """Give a dataclass the descriptions that its fields have in the local one.

    Parameters
    ----------
    local : type
        The local dataclass, which has all of these fields.
    summary : str
        What the docstring says before them.

    Returns
    -------
    decorate : callable
    """
    if local.__doc__ is None:  # python -OO
        return lambda cls: cls
    sections = dict(_sections(inspect.cleandoc(local.__doc__)))
    known = dict(_entries(sections["Attributes"]))

    def decorate(cls):
        entries = [_entry(field.name, known[field.name]) for field in fields(cls)]
        section = _section("Attributes", "\n".join(entries))
        cls.__doc__ = f"{inspect.cleandoc(summary)}\n\n{section}\n"
        return cls

    return decorate


def _sections(doc):
    """Titles and texts of a docstring in numpydoc's form."""
    pieces = re.split(r"\n\n([A-Z][A-Za-z ]+)\n-+\n", doc)
    return zip(pieces[1::2], pieces[2::2], strict=True)


def _section(title, text):
    return f"{title}\n{'-' * len(title)}\n{text}"


def _entries(text):
    """Names of parameters, and what follows them."""
    pieces = re.split(r"(?m)^(\w+) : ", text)
    return ((n, t.rstrip()) for n, t in zip(pieces[1::2], pieces[2::2], strict=True))


def _entry(name, text):
    kind, _, description = text.partition("\n")
    description = inspect.cleandoc(description)
    lines = (f"    {line}" if line else "" for line in description.splitlines())
    return "\n".join([f"{name} : {kind}", *lines])
