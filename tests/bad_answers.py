"""Answers of a wrong kind, tried at every place at which a test asks for one."""

import contextlib
import io
import itertools
import os
import pickle
import sys
import types

import torch

from alexnet_course.checks import NotYet

TEST = "<test>"


def raises():
    raise RuntimeError("not thought of")


KINDS = {
    "nothing": lambda: None,
    "a text": lambda: "fifty-five",
    "a number": lambda: 7,
    "an empty list": list,
    "a tensor of five dimensions": lambda: torch.zeros(1, 2, 1, 3, 1),
    "an object": object,
    "an error": raises,
}


class Spoilt:
    """A right function that gives ``each`` bad answers at each place of a test, all kinds in turn.

    Each is given in a process of its own, which goes on with bad answers until the test has
    judged; ``judged`` has (place, kind, what the test raised, its words) for each.
    """

    def __init__(self, right, each):
        self.right, self.each, self.__name__ = right, each, right.__name__
        self.kinds, self.places = itertools.cycle(KINDS.items()), set()
        self.bad, self.judged, self.pipe = None, [], None

    def __call__(self, *arguments, **named):
        if self.bad:
            return self.bad()
        place = tuple(lines_of_test())
        if place not in self.places:
            self.places.add(place)
            for kind, bad in itertools.islice(self.kinds, self.each):
                if self.child(place, kind):
                    self.bad = bad
                    if kind == "an empty list" and self.right(*arguments, **named) == []:
                        self.tell(NotYet("right, and so not bad here: expected"))
                    return self.bad()
        return self.right(*arguments, **named)

    def child(self, place, kind):
        """Whether this is the process that gives the answer; the other one waits for it."""
        read, self.pipe = os.pipe()
        if not os.fork():
            return True
        os.close(self.pipe)
        with os.fdopen(read, "rb") as told:
            self.judged.append((place, kind, *pickle.load(told)))
        os.wait()
        return False

    def tell(self, error):
        with os.fdopen(self.pipe, "wb") as told:
            pickle.dump((type(error).__name__, str(error)), told)
        os._exit(0)


def lines_of_test():
    frame = sys._getframe(2)
    while frame:
        if frame.f_code.co_filename == TEST:
            yield frame.f_lineno
        frame = frame.f_back


def run(item, names):
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(item.test, TEST, "exec"), names)


def answered(item, cell=None):
    """The names after the source's own solution, or another ``cell``, and those that it made."""
    names = dict(item.before)
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(cell or item.solution, "<cell>", "exec"), names)
    before = {"__builtins__": names["__builtins__"]} | item.before
    return names, [name for name in names if name not in before or names[name] is not before[name]]


def of_functions(item, each=1):
    """What the tests say of bad answers of a function, or of a class's one method."""
    names, made = answered(item)
    for name in made:
        thing = names[name]
        if isinstance(thing, types.FunctionType):
            names[name] = spoilt = Spoilt(thing, each)
        elif isinstance(thing, type):
            method = "backward" if hasattr(thing, "backward") else "forward"
            spoilt = Spoilt(getattr(thing, method), each)
            spoil = lambda *given, spoilt=spoilt, **named: spoilt(*given, **named)  # noqa: E731
            setattr(thing, method, staticmethod(spoil) if method == "backward" else spoil)
        else:
            continue
        error = None
        try:
            run(item, names)
        except Exception as raised:
            error = raised
        if spoilt.bad:
            spoilt.tell(error)
        yield from spoilt.judged


def of_values(item):
    """What the tests say of bad values in a dictionary of answers, or in its place."""
    names, _ = answered(item)
    _, asked = answered(item, item.with_answer("pass"))
    for name in asked:
        value = names[name]
        if callable(value):
            continue
        keys = [*value] if isinstance(value, dict) else []
        for key in [None, *keys]:
            for kind, bad in KINDS.items():
                if kind == "an error" or (kind == "a number" and key and value[key] == bad()):
                    continue
                spoilt = value | {key: bad()} if key else bad()
                try:
                    run(item, names | {name: spoilt})
                except Exception as error:
                    yield (name, key), kind, type(error).__name__, str(error)
                else:
                    yield (name, key), kind, "", ""
