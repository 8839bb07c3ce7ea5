"""The reference pages, made from the code: `python3 dev.py docs` writes them, `test_docs.py` compares them.

Each page is written by hand but for its marked sections; a section is a table or a figure that one function
here derives from classes, tables and help texts.  What has no sentence in the code cannot be documented, and
is named.
"""

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from evalroom import commands, events, needs, roles, session
from evalroom.errors import EvalroomError, LocalFault, PeerFault, Refusal
from evalroom.sealing import ceremony
from tests import page_types

DOCS = Path(__file__).parent.parent / "docs"
PAGES = DOCS / "reference"
FIGURED = (DOCS / "explanation" / "opening.md",)
"""Pages elsewhere that hold a section made from the code."""
PACKAGES = ("evalroom", "signaling", "recorder", "main_site", "sub_site")
PROGRAMS = {"evalroom": "main_site", "evalroom-site": "sub_site"}
FAULTS: Mapping[type[EvalroomError], str] = {
    Refusal: "the request",
    PeerFault: "the other end",
    LocalFault: "this machine",
}
SECTION = re.compile(r"(<!-- from the code: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


class Undocumented(Exception):
    """A command, setting or error has no sentence of its own in the code: give it one there."""


def sentence(thing: object, name: str) -> str:
    """Return the first paragraph of the docstring of `thing` as one line.

    Raises:
        Undocumented: when there is none, or only the one that `dataclass` makes up.
    """
    text = " ".join((inspect.cleandoc(thing.__doc__ or "")).split("\n\n")[0].split())
    if not text or text.startswith(f"{name}("):
        raise Undocumented(name)
    return text


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def import_everything() -> None:
    """Import each module of the five packages, so that all classes are known."""
    for package in map(importlib.import_module, PACKAGES):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)


def descendants(parent: type[EvalroomError]) -> Iterator[type[EvalroomError]]:
    """Yield every error below `parent` that belongs to the product."""
    for child in parent.__subclasses__():
        if child.__module__.split(".")[0] in PACKAGES:
            yield child
        yield from descendants(child)


def errors() -> str:
    """Return the table of error codes, by whose fault it is."""
    import_everything()
    rows = [
        (f"`{error.code}`", sentence(error, error.__name__), fault, f"`{error.__module__}`")
        for branch, fault in FAULTS.items()
        for error in sorted({branch, *descendants(branch)}, key=lambda error: (error.code, error.__name__))
    ]
    return table(("code", "what happened, what to do", "fault of", "raised by the rules of"), rows)


def orders() -> str:
    """Return the table of commands with the roles that may give each."""
    kinds = {class_.__dataclass_fields__["kind"].default: class_ for class_ in union(commands.Command)}
    rows = [
        (f"`{kind}`", sentence(kinds[kind], kinds[kind].__name__), ", ".join(sorted(allowed)))
        for kind, allowed in roles.COMMANDS.items()
    ]
    return table(("command", "what it orders", "given by"), rows)


def facts() -> str:
    """Return the table of events with the stages they belong to."""
    rows = [
        (f"`{class_.__name__}`", sentence(class_, class_.__name__), stages_of(class_))
        for class_ in union(events.Event)
    ]
    return table(("event", "what it states", "stages"), rows)


def stages_of(event: type[Any]) -> str:
    """Return the stages in which `event` may happen."""
    if event in session.ANYTIME:
        return "any"
    return (
        ", ".join(stage for stage, out in session.TRANSITIONS.items() if event in out) or "opens the session"
    )


def stages() -> str:
    """Return the figure of the stages, drawn from `TRANSITIONS`."""
    arrows = [
        f"    {stage} --> {after}: {event.__name__}"
        for stage, out in session.TRANSITIONS.items()
        for event, after in out.items()
    ]
    first = next(iter(session.TRANSITIONS))
    return "\n".join(["```mermaid", "stateDiagram-v2", f"    [*] --> {first}: SessionOpened", *arrows, "```"])


def ceremony_states() -> str:
    """Return the figure of an opening's states; facts that lead to the same state stand on one arrow."""
    lines = []
    for state, out in ceremony.TRANSITIONS.items():
        arrows: dict[str, list[str]] = {}
        for fact, leads in out.items():
            for after in leads:
                arrows.setdefault(after, []).append(fact.__name__)
        lines += [f"    {state} --> {after}: {'<br/>'.join(names)}" for after, names in arrows.items()]
    first = next(iter(ceremony.TRANSITIONS))
    return "\n".join(["```mermaid", "stateDiagram-v2", f"    [*] --> {first}", *lines, "```"])


def what_is_waited_for() -> str:
    """Return the table of needs: the codes of `unready` and of a session's overview."""
    rows = [(f"`{code}`", words) for code, words in needs.SENTENCES.items()]
    return table(("need", "what must happen first"), rows)


def union(alias: Any) -> list[Any]:  # noqa: ANN401 - a union of classes has no narrower type
    """Return the classes of a union, nested unions unfolded, in their order."""
    members = get_args(getattr(alias, "__value__", alias))
    return [class_ for member in members for class_ in (union(member) or [member])]


def command_line() -> str:
    """Return every command of both programs with its options and their help."""
    return "\n\n".join(
        "\n\n".join(program(name, importlib.import_module(f"{package}.cli")))
        for name, package in PROGRAMS.items()
    )


def program(name: str, module: Any) -> Iterator[str]:  # noqa: ANN401 - a module
    """Yield the sections of one program: each command, then its arguments and options."""
    root: Any = typer.main.get_command(module.app)
    for words, command in walk(name, root):
        if not command.help:
            raise Undocumented(words)
        yield f"### `{words}`\n\n{' '.join(command.help.split())}"
        rows = [option(words, parameter) for parameter in command.params if parameter.name != "help"]
        if rows:
            yield table(("argument or option", "default", "meaning"), rows)


def walk(words: str, command: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - typer keeps a click of its own
    """Yield `command` and everything below it, with the words that call it."""
    children: Mapping[str, Any] = getattr(command, "commands", {})
    if not children:
        yield words, command
    for name, child in sorted(children.items()):
        yield from walk(f"{words} {name}", child)


def option(words: str, parameter: Any) -> tuple[str, str, str]:  # noqa: ANN401 - typer keeps a click of its own
    """Return the row of one argument or option.

    Raises:
        Undocumented: when it has no help.
    """
    name = (
        ", ".join(parameter.opts + parameter.secondary_opts)
        if parameter.opts[0].startswith("-")
        else str(parameter.metavar or parameter.name).upper()
    )
    meaning = getattr(parameter, "help", None)
    if not meaning:
        raise Undocumented(f"{words} {name}")
    default = "required" if parameter.required else shown(parameter.default)
    return f"`{name}`", default, " ".join(meaning.split())


def shown(default: object) -> str:
    """Return a default value as a cell."""
    return "" if default is None or not str(default) or callable(default) else f"`{default}`"


def settings() -> str:
    """Return every setting of both applications."""
    import_everything()
    return "\n\n".join(
        f"### `{class_.__module__.split('.')[0]}`\n\n{sentence(class_, class_.__name__)}\n\n"
        + table(("setting", "environment", "default", "meaning"), fields(class_, class_))
        for class_ in sorted(BaseSettings.__subclasses__(), key=lambda class_: class_.__module__)
        if class_.__module__.split(".")[0] in PACKAGES
    )


def fields(
    root: type[BaseSettings], model: type[BaseModel], above: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """Yield the rows of `model`, nested models after their own fields.

    Raises:
        Undocumented: when a field has no description.
    """
    prefix, delimiter = (
        str(root.model_config.get("env_prefix", "")),
        str(root.model_config.get("env_nested_delimiter") or "__"),
    )
    for name, field in model.model_fields.items():
        path = (*above, name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from fields(root, field.annotation, path)
            continue
        if not field.description:
            raise Undocumented(f"setting {'.'.join(path)}")
        environment = (prefix + delimiter.join(path)).upper()
        yield (
            f"`{'.'.join(path)}`",
            f"`{environment}`",
            default_of(field),
            " ".join(field.description.split()),
        )


def default_of(field: FieldInfo) -> str:
    """Return the default of a setting as a cell; one that is computed says so in its description."""
    if field.is_required():
        return "required"
    return shown(None if field.default_factory else field.default)


SECTIONS: Mapping[str, Callable[[], str]] = {
    "errors": errors,
    "orders": orders,
    "facts": facts,
    "stages": stages,
    "ceremony_states": ceremony_states,
    "needs": what_is_waited_for,
    "command_line": command_line,
    "settings": settings,
}


def rendered(page: str) -> str:
    """Return `page` with its marked sections as the code has them today."""
    return SECTION.sub(lambda found: f"{found[1]}\n{SECTIONS[found[2]]()}\n\n{found[3]}", page)


def main() -> int:
    """Write the pages and the types on the wire, say which changed, and return how many could not be written."""
    lacking = 0
    for path in sorted((*PAGES.glob("*.md"), *FIGURED)):
        before = path.read_text("utf-8")
        try:
            after = rendered(before)
        except (Undocumented, ImportError) as what:
            print(f"{path.name}: {type(what).__name__}: {what}")
            lacking += 1
            continue
        write(path, before, after)
    for path, after in page_types.modules().items():
        write(path, path.read_text("utf-8"), after)
    return lacking


def write(path: Path, before: str, after: str) -> None:
    """Write a page that has changed, and name it."""
    if after != before:
        path.write_text(after, "utf-8")
        print(f"{path.name}: written")


if __name__ == "__main__":
    sys.exit(main())
