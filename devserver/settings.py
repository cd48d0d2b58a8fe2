"""What the command line sets, with its defaults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line sets. Lifetimes, delays and skew in seconds."""

    algorithm: str = "ES256"
    access_lifetime: int = 60
    refresh_lifetime: int = 86_400
    refresh_delay: float = 0
    grace: float = 0
    skew: float = 0
    isolated: bool = False
    allow_origin: tuple[str, ...] = ()
    allow_page: tuple[str, ...] = ()
    allow_host: tuple[str, ...] = ()
    root: Path = ROOT
    site: Path = ROOT / ".runtime" / "site"
