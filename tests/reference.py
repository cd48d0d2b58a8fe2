"""Writes docs/reference.md: every public name of the library with its signature and its docstring.

It is made from the sources, which are read and not run: half of them need a page.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import griffe
from griffe import Alias, Attribute, Class, Function, Object

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "app" / "reissue"
DOCUMENT = ROOT / "docs" / "reference.md"

SECTIONS: dict[str, tuple[str, ...]] = {
    "To begin with": ("connect", "cookie", "inspect", "sign_in_widget"),
    "The client": ("Interceptor",),
    "Endpoints": ("Endpoint", "Route", "CustomEndpoint"),
    "Requests and responses": ("Request", "Response", "Headers", "Progress", "ServerSentEvent"),
    "The session": ("State", "Credential", "StepUp", "unverified_claims"),
    "Errors": (),
    "Events": (),
}
"""The names of `reissue`; the last two sections have what `errors` and `events` define, in their own order."""

IN_A_PAGE = "browser.page.PageInterceptor"
"""What `connect` gives: an `Interceptor` with what only a page has."""

MODULES = {
    "Other HTTP clients": ("adapters.httpx", "adapters.requests", "adapters.urllib", "adapters.urllib3"),
    "For tests": ("testing",),
}
"""Modules whose names are not in `reissue` itself."""

WIDEST = 96  # characters of a signature in one line


def reference(library: Path = LIBRARY) -> str:
    """The document."""
    package = griffe.load(library.name, search_paths=[str(library.parent)])
    exported = [str(name) for name in package.exports or ()]
    sections = {
        **SECTIONS,
        **{title: tuple(own_names(package[title.lower()], exported)) for title in ("Errors", "Events")},
    }
    if left := set(exported).difference(*sections.values()):
        raise ValueError(f"name a section for {sorted(left)}")
    parts = ["# Reference", "Every public name, from the docstrings; `make reference` writes it anew."]
    for title, names in sections.items():
        parts.append(f"## {title}")
        for name in names:
            more = package[IN_A_PAGE] if name == "Interceptor" else None
            parts += described(name, target_of(package[name]), more=more)
    for title, modules in MODULES.items():
        parts.append(f"## {title}")
        for module in modules:
            parts.append(f"`reissue.{module}`: {text_of(package[module])}")
            for name, member in public(package[module]):
                parts += described(name, member)
    return "\n\n".join(part.rstrip() for part in parts if part) + "\n"


def own_names(module: Object | Alias, exported: list[str]) -> list[str]:
    """The exported names that this module defines."""
    return [name for name, member in module.members.items() if name in exported and not member.is_alias]


def described(name: str, thing: Object, *, more: Object | Alias | None = None) -> Iterator[str]:
    """The paragraphs about a class, a function or a value. `more` is a class with further methods."""
    yield f"### {name}"
    yield from signature(name, thing)
    yield text_of(thing)
    if not isinstance(thing, Class):
        return
    if "Enum" in {str(base) for base in thing.bases}:
        values = [value for value in thing.members.values() if isinstance(value, Attribute)]
        yield "\n".join(f"- `{value.name}` = `{value.value}`" for value in values if not value.name.startswith("_"))
        return
    for member, value in public(more or thing):
        yield f"#### {name}.{member}"
        yield from signature(member, value)
        yield text_of(value)


def public(owner: Object | Alias) -> list[tuple[str, Object]]:
    """The public names of a class and its parents, or of a module, that have a docstring."""
    exported = {str(name) for name in owner.exports or ()}
    members = owner.all_members if owner.is_class else owner.members
    own = [
        (name, target_of(member))
        for name, member in members.items()
        if not name.startswith("_") and (owner.is_class or name in exported or not (exported or member.is_alias))
    ]
    return [(name, target) for name, target in own if target.has_docstring]


def signature(name: str, thing: Object) -> Iterator[str]:
    """How it is called, as a code block; nothing for a value."""
    if isinstance(thing, Attribute):
        return
    assert isinstance(thing, Class | Function)
    overloads: list[Function] | None = thing.overloads if isinstance(thing, Function) else None
    lines = []
    for function in overloads or (thing,):
        kind = "class" if isinstance(function, Class) else "async def" if "async" in function.labels else "def"
        shown = function.signature(name=name) or name
        if isinstance(function, Class) and "Value" in {str(base) for base in function.bases}:
            shown = f"{name}({', '.join(fields_of(function))})"
        lines.append(wrapped(f"{kind} {shown}"))
    yield "```python\n" + "\n".join(lines) + "\n```"


def fields_of(value: Class) -> Iterator[str]:
    """The fields of a `Value` as the parameters that they are."""
    by_name = "kw_only" in value.keywords
    if by_name:
        yield "*"
    for name, member in value.members.items():
        if not isinstance(member, Attribute) or member.annotation is None or "property" in member.labels:
            continue
        default = str(member.value or "")
        options = ast.parse(default, mode="eval").body if default.startswith("field(") else None
        if isinstance(options, ast.Call):
            given = {each.arg: ast.unparse(each.value) for each in options.keywords}
            made = given.get("default_factory")
            default = given.get("default", f"{made}()" if made else "")
            if "kw_only" in given and not by_name:
                by_name = True
                yield "*"
        yield f"{name}: {member.annotation}{f' = {default}' if default else ''}"


def wrapped(line: str) -> str:
    """A signature with one parameter in each line if it is too wide for one line."""
    if len(line) <= WIDEST or "(" not in line:
        return line
    head, _, rest = line.partition("(")
    parts, depth, start, text = [], 0, 0, rest
    for position, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth < 0 or (depth == 0 and character == ","):
            parts.append(text[start:position].strip())
            start = position + 1
            if depth < 0:
                break
    return f"{head}(\n" + "".join(f"    {part},\n" for part in parts) + ")" + text[start:]


def text_of(thing: Object) -> str:
    """The docstring."""
    return thing.docstring.value if thing.docstring else ""


def target_of(member: Object | Alias) -> Object:
    """What a name stands for."""
    return member.final_target if isinstance(member, Alias) else member


if __name__ == "__main__":
    DOCUMENT.write_text(reference(), encoding="utf-8", newline="\n")
