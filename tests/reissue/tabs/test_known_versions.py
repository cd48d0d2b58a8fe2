"""The bookkeeping of versions, without a browser: which are newer, which are over, and when a sign-out still counts."""

import pytest
from reissue.storage import Memory
from reissue.tabs.known_versions import KnownVersions
from reissue.tabs.pending_sign_out import Mark, PendingSignOut
from reissue.tabs.protocol import Ended, Granted, Version, over_sign
from reissue.tabs.sign_out_marks import SignOutMarks
from reissue.tokens.credentials import Credential

NOW = 1_700_000_000.0
MS = int(NOW * 1000)


class Tab:
    """One tab's bookkeeping; `pending_sign_out` may be shared."""

    def __init__(self, untold: Memory | None = None) -> None:
        self.now = NOW
        self.marks = SignOutMarks(PendingSignOut(untold or Memory(), clock=self.clock), clock=self.clock)
        self.versions = KnownVersions(self.marks, clock=self.clock)

    def clock(self) -> float:
        return self.now

    def granted(self, *, begins: bool = False, by_sign_in: bool = False) -> Version:
        version = self.versions.next(begins=begins, by_sign_in=by_sign_in)
        return self.versions.hold(Granted(version, Credential(access_token="token")))

    def takes(self, version: Version) -> None:
        assert not self.versions.is_old(version)
        self.versions.hold(Granted(version, Credential(access_token="token")))


def test_a_session_counts_its_versions_from_one() -> None:
    tab = Tab()
    first = tab.granted(begins=True)
    second = tab.granted()
    assert (first.session, first.number, second.number) == (second.session, 1, 2)
    assert tab.versions.is_old(first)
    assert tab.versions.is_old(second)


def test_a_version_that_another_tab_advertises_is_counted() -> None:
    tab = Tab()
    first = tab.granted(begins=True)
    tab.versions.notice([str(Version(first.began, first.session, 7)), "no version"])
    assert tab.granted().number == 8


def test_a_new_session_is_later_than_every_other_though_the_clock_was_put_back() -> None:
    tab = Tab()
    first = tab.granted(begins=True)
    tab.now -= 3600
    assert tab.granted(begins=True).began == first.began + 1
    tab.versions.notice([f"{MS + 5000}.b.1"])
    assert tab.granted(begins=True).began == MS + 5001


def test_a_refusal_ends_the_versions_up_to_its_own_and_a_sign_out_all_of_the_session() -> None:
    tab = Tab()
    for number in (3, 4):
        tab.takes(Version(MS, "a", number))
        tab.versions.let_go("refused")
        assert tab.versions.is_old(Version(MS, "a", number))
        assert not tab.versions.is_old(Version(MS, "a", number + 1))
    tab.versions.close_off(Version(MS, "a", 1), "signed_out", held=False)
    assert tab.versions.is_old(Version(MS, "a", 5))


@pytest.mark.parametrize(
    ("ended", "ends"),
    [
        (Ended(Version(MS, "b", 2), "refused"), True),
        (Ended(Version(MS, "b", 1), "refused"), False),
        (Ended(Version(MS, "b", 1), "signed_out"), True),
        (Ended(Version(MS + 1, "c", 1), "signed_out"), True),
        (Ended(Version(MS, "b", 1), "signed_out", passed_on=True), True),
        (Ended(Version(MS - 1, "a", 9), "signed_out"), False),
        (Ended(None, "signed_out"), True),
    ],
    ids=str,
)
def test_another_tabs_end_ends_no_newer_version(ended: Ended, ends: bool) -> None:
    tab = Tab()
    tab.takes(Version(MS, "b", 2))
    assert tab.versions.ends_mine(ended) is ends


def test_a_sign_out_that_is_known_stops_no_sign_in() -> None:
    tab = Tab()
    ended = Ended(Version(MS, "a", 1), "signed_out")
    assert tab.versions.ends_mine(ended)
    assert not tab.versions.ends_mine(ended._replace(passed_on=True)), "it may be known to all others"
    tab.versions.close_off(ended.version, ended.reason, held=False)
    assert not tab.versions.ends_mine(ended)


def test_after_a_sign_out_no_session_is_taken_that_began_before_it() -> None:
    tab = Tab()
    mark = tab.versions.mark_sign_out(in_body=False)
    assert mark == tab.versions.pending_sign_out == Mark(MS)
    assert tab.versions.is_old(Version(MS, "a", 1))
    tab.takes(Version(MS + 1, "b", 1))
    assert tab.versions.pending_sign_out is None
    assert tab.marks.until == 0


def test_the_sign_out_that_another_tab_advertises_counts_until_the_endpoint_knows() -> None:
    tab, other = Tab(), Tab()
    sign = other.marks.sign_of(other.versions.mark_sign_out(in_body=True))
    tab.versions.notice([sign])
    assert tab.versions.pending_sign_out == Mark(MS, in_body=True)
    tab.versions.sign_out_confirmed()
    tab.versions.notice([sign])
    assert tab.versions.pending_sign_out is None


def test_a_tab_does_not_count_its_own_advertisement_nor_that_of_a_frozen_tab() -> None:
    tab, other = Tab(), Tab()
    tab.versions.notice([tab.marks.sign_of(Mark(MS))])
    assert tab.versions.pending_sign_out is None
    tab.now += 61
    tab.versions.notice([other.marks.sign_of(Mark(MS))])
    assert tab.versions.pending_sign_out is None


def test_a_sign_out_that_has_come_since_stays_to_be_told() -> None:
    tab = Tab()
    first = tab.versions.mark_sign_out(in_body=False)
    tab.now += 1
    second = tab.versions.mark_sign_out(in_body=False)
    tab.versions.sign_out_confirmed(first.until)
    assert tab.versions.pending_sign_out == second


def test_a_sign_out_is_later_than_every_other_though_the_clock_was_put_back() -> None:
    """S5: so a session that begins after it is later than them all. Found by simulation: a tab that was frozen in the
    middle of a sign-out told the endpoint of it, and ended the session of a user who had signed in since.
    """
    tab = Tab()
    first = tab.versions.mark_sign_out(in_body=False)
    tab.now -= 3600
    second = tab.versions.mark_sign_out(in_body=False)
    assert second.until > first.until
    tab.versions.sign_out_confirmed(second.until)
    assert tab.versions.next(begins=True, by_sign_in=True).began > first.until


def test_a_sign_out_is_later_than_another_tabs_though_the_clock_was_put_back() -> None:
    tab = Tab()
    tab.versions.note_sign_out_elsewhere()
    tab.now -= 3600
    assert tab.versions.mark_sign_out(in_body=False).until > MS


def test_a_sign_out_stays_pending_though_the_clock_was_put_back_since_another_was_confirmed() -> None:
    """S1: it seems earlier than that, to a tab that did not hear of it. Found by simulation."""
    untold = Memory()
    tab, later = Tab(untold), Tab(untold)
    tab.versions.sign_out_confirmed(tab.versions.mark_sign_out(in_body=False).until)
    later.now = tab.now = NOW - 3600
    mark = later.versions.mark_sign_out(in_body=False)
    assert tab.versions.pending_sign_out == mark


def test_a_session_keeps_the_time_at_which_it_began_whatever_another_tab_says() -> None:
    tab = Tab()
    tab.takes(Version(MS, "a", 1))
    assert tab.versions.hold(Granted(Version(MS - 5, "a", 2), Credential(access_token="token"))).began == MS


def test_a_later_session_that_another_tab_advertises_replaces_the_sign_out_before_it() -> None:
    """S5: nobody tells the endpoint of it any more, whose cookie is the later session's."""
    tab = Tab()
    tab.versions.mark_sign_out(in_body=False)
    tab.versions.notice([f"{MS}.b.1"])
    assert tab.marks.until == MS, "that one began in the same millisecond, maybe before it"
    tab.versions.notice([f"{MS + 1}.b.1"])
    assert tab.marks.until == 0


def test_a_session_that_began_with_a_sign_out_does_not_replace_it() -> None:
    tab = Tab()
    tab.marks.store(Mark(MS))
    tab.marks.replaced(MS)
    assert tab.marks.until == MS


@pytest.mark.parametrize("by_sign_in", [True, False])
def test_only_a_sign_in_at_the_endpoint_says_whose_the_cookie_is(by_sign_in: bool) -> None:
    tab, other = Tab(), Tab()
    version = other.granted(begins=True, by_sign_in=by_sign_in)
    tab.versions.notice([str(version)])
    assert tab.versions.signed_in_since(MS - 1)
    assert tab.versions.cookie_is_of_a_later_sign_in(MS - 1) is by_sign_in
    assert not tab.versions.cookie_is_of_a_later_sign_in(MS)


def test_a_later_session_that_another_tab_advertises_has_overtaken_this_tabs() -> None:
    tab = Tab()
    mine = tab.granted(begins=True)
    assert tab.versions.overtaken_by is None
    tab.versions.notice([str(Version(mine.began, mine.session, 2))])
    assert tab.versions.overtaken_by is None
    tab.versions.notice([f"{MS + 1}.b.1"])
    assert tab.versions.overtaken_by is not None


def test_a_tab_that_holds_nothing_tells_of_the_session_that_it_has_held_last() -> None:
    """S3: it has overtaken an earlier one, and a later one is dated later."""
    tab, other = Tab(), Tab()
    assert over_sign(other.versions.last) is None
    mine = tab.granted(begins=True)
    other.takes(mine)
    other.now += 1
    later = other.granted(begins=True)
    other.versions.let_go("signed_out")
    other.versions.let_go("signed_out")
    sign = over_sign(other.versions.last)
    assert sign == f"over.{later}"
    tab.versions.notice([sign, "over.", "over.nothing"])
    assert tab.versions.newest is None
    assert tab.versions.overtaken_by == str(later.began)
    assert not tab.versions.signed_in_since(mine.began)
    assert tab.granted(begins=True).began == later.began + 1
    assert tab.versions.overtaken_by is None


def test_a_session_that_is_dated_ahead_is_not_later_than_a_sign_out_in_a_tab_that_knew_of_none() -> None:
    """S1, S5: the clock was put back, and the user signs out in a page that has not heard of the session yet."""
    signed_in = Version.parse(f"{MS + 3_600_000}.s{'0' * 16}.1", now=NOW)
    assert signed_in is not None
    assert signed_in.by_sign_in
    tab = Tab()
    until = tab.versions.mark_sign_out(in_body=False).until
    tab.versions.notice([str(signed_in)])
    assert not tab.versions.cookie_is_of_a_later_sign_in(until)
    tab.takes(signed_in)
    until = tab.versions.mark_sign_out(in_body=False).until
    tab.versions.let_go("signed_out")
    tab.versions.notice([f"{MS + 3_600_002}.s{'1' * 16}.1"])
    assert tab.versions.cookie_is_of_a_later_sign_in(until), "this one knew of the session before"


def test_no_session_is_overtaken_by_itself() -> None:
    """It has two dates if the clock was put back while two tabs had it."""
    tab = Tab()
    tab.takes(Version(MS, "a", 2))
    tab.versions.notice([f"over.{MS + 5}.a.1"])
    assert tab.versions.overtaken_by is None


def test_a_sign_in_once_the_clock_is_right_is_later_than_a_sign_out_after_an_early_session() -> None:
    """S5: what another tab has held last, while the clock was ahead, puts no later sign-in ahead as well."""
    ahead, signing_out, signing_in = Tab(), Tab(), Tab()
    ahead.now += 3600
    ahead.granted(begins=True, by_sign_in=True)
    ahead.versions.let_go("signed_out")
    sign = over_sign(ahead.versions.last)
    assert sign is not None
    until = signing_out.versions.mark_sign_out(in_body=False).until
    signing_in.now += 0.001
    signing_in.versions.notice([sign])
    later = signing_in.granted(begins=True, by_sign_in=True)
    signing_out.now += 0.001
    signing_out.versions.notice([sign, str(later)])
    assert signing_out.versions.cookie_is_of_a_later_sign_in(until)


def test_a_session_is_not_overtaken_by_a_sign_out_before_it_though_the_clock_was_put_back() -> None:
    """S3: its tab did not know of the sign-out, so the session seems to have begun before that."""
    tab = Tab()
    tab.granted(begins=True)
    tab.now += 60
    tab.versions.let_go("signed_out")
    tab.versions.sign_out_confirmed(tab.versions.mark_sign_out(in_body=False).until)
    tab.now -= 3600
    tab.takes(Version(MS + 1, "b", 1))
    assert tab.versions.overtaken_by is None
    tab.takes(Version(MS + 2, "c", 1))
    tab.versions.hold(Granted(Version(MS + 1, "b", 2), Credential(access_token="token")))
    assert tab.versions.overtaken_by == str(MS + 2)
