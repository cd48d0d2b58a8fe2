"""`_headers`: what a host should send, as Netlify, Cloudflare Pages and others read it."""

from collections.abc import Iterable, Mapping

from devserver.files import IMMUTABLE, REVALIDATE
from runtime.publish.addresses import is_immutable

ABOUT = "# Netlify, Cloudflare Pages and others read this file; docs/embedding.md says the same for nginx.\n"


def headers_file(base: str, headers: Mapping[str, str], addresses: Iterable[str]) -> str:
    """The rules for a site at the path `base`. No two set the same header: hosts would send both values."""
    rules = {f"{base}*": dict(headers)}
    for page in ("", "index.html"):
        rules[base + page] = {"Cache-Control": REVALIDATE}
    for place in immutable_places(addresses):
        rules[base + place] = {"Cache-Control": IMMUTABLE}
    return ABOUT + "".join(
        path + "".join(f"\n  {name}: {value}" for name, value in rule.items()) + "\n" for path, rule in rules.items()
    )


def immutable_places(addresses: Iterable[str]) -> list[str]:
    """The fewest patterns with one `*` each that stand for all addresses that never change."""
    places = set()
    for address in addresses:
        if is_immutable(address):
            folder = next((f"{part}/*" for part in folders_of(address) if is_immutable(part + "/")), None)
            places.add(folder or address)
    return sorted(places)


def folders_of(address: str) -> list[str]:
    """The folders above a file, the outermost first."""
    parts = address.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]
