"""The names of files that are downloaded (RFC 6266, RFC 8187), and what a server may not do with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reissue import Progress
from reissue.http.content_disposition import filename_for, filename_in, safe_filename


@pytest.mark.parametrize(
    ("field", "name"),
    [
        (None, None),
        ("", None),
        ("attachment", None),
        ("attachment; filename=example.html", "example.html"),
        ('INLINE; FILENAME= "an example.html"', "an example.html"),
        ("attachment; filename*= UTF-8''%e2%82%ac%20rates", "€ rates"),
        ("attachment; filename=\"EURO rates\"; filename*=utf-8''%e2%82%ac%20rates", "€ rates"),
        ("attachment; filename*=iso-8859-1'en'%A3%20rates; filename=x", "£ rates"),
        ("attachment; filename*=UTF-16''x; filename=y", "y"),
        ("attachment; filename*=UTF-8''; filename=y", None),
        ("attachment; filename*=UTF-8''%ff", "\ufffd"),
        (r'attachment; filename="a\"b\\c"', r'a"b\c'),
        ('attachment; filename="a;b=c"; size=3', "a;b=c"),
        ("attachment; filename=a; filename=b", "a"),
        ("filename=only.txt", "only.txt"),
        ('attachment; filename="Ã\x9cbersicht.pdf"', "Übersicht.pdf"),
        ('attachment; filename="£.pdf"', "£.pdf"),
        ('attachment; filename="€.pdf"', "€.pdf"),
        ('attachment; filename=""', None),
        ('attachment; filename="open', "open"),
    ],
)
def test_a_filename_is_read_as_rfc_6266_says(field: str | None, name: str | None) -> None:
    assert filename_in(field) == name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("notes.txt", "notes.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\a.exe", "a.exe"),
        ("a/", "download"),
        ("..", "download"),
        (".bashrc", "bashrc"),
        ("a. . ", "a"),
        ('a<b>:"c"|?*.txt', "a_b___c____.txt"),
        ("a\0\r\nb", "a___b"),
        ("txt.\u202egpj.exe", "txt._gpj.exe"),
        ("con.txt", "_con.txt"),
        ("LPT1", "_LPT1"),
        ("console", "console"),
        ("x" * 300 + ".tar", "x" * 196 + ".tar"),
        ("x" * 300, "x" * 200),
        ("x." + "y" * 300, "x." + "y" * 198),
    ],
)
def test_a_name_can_mean_no_other_file(name: str, safe: str) -> None:
    assert safe_filename(name) == safe


@given(st.text())
def test_any_name_is_made_safe_once_for_all(name: str) -> None:
    safe = safe_filename(name)
    assert 0 < len(safe) <= 201
    assert not set(safe) & set('/\\:*?"<>|\0\n')


@pytest.mark.parametrize(
    ("field", "url", "name"),
    [
        ("attachment; filename=a.txt", "https://api.test/b.txt", "a.txt"),
        ("attachment", "https://api.test/files/%C3%9Cbersicht.pdf?token=x#y", "Übersicht.pdf"),
        (None, "https://api.test/", "download"),
        (None, "https://api.test", "download"),
        (None, "https://api.test/a%2Fb", "b"),
    ],
)
def test_without_a_name_the_urls_last_part_is_one(field: str | None, url: str, name: str) -> None:
    assert filename_for(field, url) == name


def test_progress_is_a_fraction_where_the_total_is_known() -> None:
    assert [Progress("upload", 1, total).fraction for total in (4, None)] == [0.25, None]
    assert Progress("download", 0, 0).fraction == 1
