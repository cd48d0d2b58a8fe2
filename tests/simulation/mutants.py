"""Faults put into a copy of the core, each a bug that such a library has had. The simulator must catch them all."""

# ruff: noqa: E501

import importlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

CORE = Path(__file__).resolve().parents[2] / "app" / "reissue"


class Mutant:
    """Each of the `faults` is a text that stands in the `modules` exactly once, and the text that it becomes.

    `one_tab`, `many_tabs`, `further`, `bound` or `strangers` are the seeds of programs that are known to catch it.
    """

    def __init__(
        self,
        name: str,
        modules: str | tuple[str, ...],
        *faults: str,
        one_tab: tuple[int, ...] = (),
        many_tabs: tuple[int, ...] = (),
        further: tuple[int, ...] = (),
        bound: tuple[int, ...] = (),
        strangers: tuple[int, ...] = (),
    ) -> None:
        self.name = name
        self.modules = (modules,) if isinstance(modules, str) else modules
        self.faults = list(zip(faults[::2], faults[1::2], strict=True))
        self.one_tab = one_tab
        self.many_tabs = many_tabs  # it takes several to see it
        self.further = further  # it takes a step-up, or another API
        self.bound = bound  # it takes a token that is bound to a key
        self.strangers = strangers  # it takes a server, a proxy or a script that is not ours

    def put_into(self, package: Path) -> None:
        paths = [package / f"{module}.py" for module in self.modules]
        for before, after in self.faults:
            sources = {path: path.read_text(encoding="utf-8") for path in paths}
            times = sum(source.count(before) for source in sources.values())
            assert times == 1, f"{self.name}: {before!r} stands {times} times"
            for path, source in sources.items():
                path.write_text(source.replace(before, after), encoding="utf-8")


MUTANTS = [
    Mutant(
        "a late 401 refreshes again (Q2)", "session/session",
        "            if replaces is not holding.credential:\n                return await self.obtain()\n",
        "",
        one_tab=(133, 152, 191),
    ),
    Mutant(
        "each caller refreshes for itself (Q1)", "concurrency/singleflight",
        "if task is None or task.done():", "if True:",
        one_tab=(7, 9, 10),
    ),
    Mutant(
        "a waiter takes the refresh along (Q11)", "concurrency/singleflight",
        "await asyncio.wait((task,))", "await task",
        one_tab=(10, 11, 22),
    ),
    Mutant(
        "the error of a refresh that nobody awaits is not consumed (X6)", "concurrency/singleflight",
        "task.exception()  # consumed: every waiter may be gone", "pass",
        one_tab=(41, 214, 442),
    ),
    Mutant(
        "a late answer signs in again (S1)", "session/succession",
        "if seen != self.interruptions:\n            raise", "if self._closed:\n            raise",
        one_tab=(21, 64, 85),
    ),
    Mutant(
        "a sign-out that the server did not hear is undone by its cookie (S1)", "tabs/known_versions",
        "return max(marks, default=None)", "return None",
        one_tab=(62, 263, 307),
    ),
    Mutant(
        "the session is not looked at after the wait (S1, S3)", "session/session",
        "        # Other tasks have run meanwhile: check again (Q15).\n        holding.check_alive()\n", "",
        one_tab=(934, 1363, 1779),
    ),
    Mutant(
        "a session that is over still gives its token (S1)", "session/session",
        "        holding.check_alive()\n        credential = holding.credential\n", "        credential = holding.credential\n",
        one_tab=(5, 25, 34),
    ),
    Mutant(
        "a network failure signs out (F1)", "session/refresh",
        "except GrantRefused as refusal:", "except (GrantRefused, OSError) as refusal:",
        one_tab=(9, 12, 36),
    ),
    Mutant(
        "endpoint calls overlap (S2)", "tabs/endpoint_lock",
        "            await held.enter_async_context(place or self._order.join())\n", "",
        one_tab=(2, 3, 4),
    ),
    Mutant(
        "no deadline (Q13)", "session/endpoint_calls",
        "async with time_limit(self._settings.deadline, awake=AWAKE):", "async with time_limit(None):",
        one_tab=(6, 12, 24),
    ),
    Mutant(
        "replay without end (Q4)", "sending/decisions",
        "if answer.looks_rejected and not replayed:", "if answer.looks_rejected:",
        one_tab=(133, 171, 189),
    ),
    Mutant(
        "every replay that is refused is sent once more (Q4)", "sending/attempts",
        "(2 if self._history.with_early_token else 1)", "2",
        one_tab=(171, 189, 320),
    ),
    Mutant(
        "a token was requested early if its predecessor was refused later (Q4)", "session/refresh",
        "requested_early=self._early", "requested_early=True",
        one_tab=(171, 189, 320),
    ),
    Mutant(
        "an answer that is no refusal is replayed, too", "sending/attempts",
        "looks_rejected=None if by_apps_test else challenged", "looks_rejected=True",
        one_tab=(0, 1, 5),
    ),
    Mutant(
        "a request follows the user who is signed in now (S3)", "sending/attempts",
        "        renewed = self._renewed_at_once(session, replaces=credential) or await session.renew(",
        "        session = await self._sessions.current()\n        renewed = self._renewed_at_once(session, replaces=credential) or await session.renew(",
        one_tab=(25, 112, 134),
    ),
    Mutant(
        "the end is told at every look (F10)", "session/session",
        "if self.holding.ended is not None:\n            return", "if self.holding.ended is not None and False:\n            return",
        one_tab=(2, 3, 7),
    ),
    Mutant(
        "a failed request keeps its slot", "concurrency/admission",
        "        self._held.pop(slot, None)\n        self.call_next()\n", "        self.call_next()\n",
        one_tab=(0, 1, 2),
    ),
    Mutant(
        "sign-out leaves the session on", "session/succession",
        "        if session is not None:\n            session.end(reason)\n", "",
        one_tab=(4, 20, 21),
    ),
    Mutant(
        "the refused session ends without a refusal (F9)", "session/session",
        "        except FlightCancelled:\n            holding", "        except RefreshUnavailable:\n            self.end(\"refused\")\n            raise\n        except FlightCancelled:\n            holding",
        one_tab=(3, 8, 9),
    ),
    Mutant(
        "late answers are not dropped (S1)", "session/refresh",
        "        self._flight.cancel()\n", "",
        "        if self._holding.ended is not None:\n            self.emit(RefreshPhase.DROPPED)\n            return True\n", "",
        one_tab=(10, 11, 22),
    ),
    Mutant(
        "sign-out does not stop a resume (S1)", "session/resume",
        "        self._flight.cancel()\n", "",
        "overtaken = seen != sessions.interruptions or sessions.alive or versions.pending_sign_out", "overtaken = sessions.closed",
        one_tab=(181, 194, 238),
    ),
    Mutant(
        "the cookie's other user goes on as this one (S3)", "session/refresh",
        "if self._holding.is_anothers(self._settings.users.compare(fresh, replaced)):", "if False:",
        one_tab=(120, 226, 302),
    ),
    Mutant(
        "a lost sign-in leaves no doubt (S3)", "session/sign_in",
        "            if self._sessions.latest is not None:\n                self._sessions.latest.holding.doubt_cookie()\n", "",
        one_tab=(120, 226, 302),
    ),
    Mutant(
        "a new session gets new slots (Q22)", "concurrency/admission",
        "        for admission in self._by_origin.values():\n",
        "        admissions, self._by_origin = self._by_origin, {}\n        for admission in admissions.values():\n",
        one_tab=(67, 83, 293),
    ),
    Mutant(
        "who is in line does not hear of the end (S1)", "concurrency/admission",
        "                place.set_result(self._give())\n        self.call_next()  # stops", "                pass\n        self.call_next()  # stops",
        one_tab=(5, 7, 11),
    ),
    Mutant(
        "auth=False is not heard", "sending/sender",
        "url = self.audience_url(request) if auth else None", "url = self._audience_url(request)",
        one_tab=(10, 15, 19),
    ),
    Mutant(
        "a body that can be read once is sent twice (Q8)", "sending/attempts",
        "replayed=replayed, replayable=self._request.replayable)", "replayed=replayed, replayable=True)",
        one_tab=(81, 133, 191),
    ),
    Mutant(
        "a fresh token is renewed", "session/session",
        "if freshness is Freshness.STALE and", "if freshness is not Freshness.EXPIRED and",
        one_tab=(0, 1, 2),
    ),
    Mutant(
        "an expired token is sent", "session/session",
        "        if freshness is Freshness.EXPIRED:\n", "        if holding.current.retired:\n",
        "or holding.freshness is Freshness.EXPIRED", "or holding.current.retired",
        one_tab=(0, 1, 2),
    ),
    Mutant(
        "a refusal is not remembered (F7)", "session/session",
        "            holding.retire()\n        if holding.refusal is not None:\n            self._give_up(holding.refusal)\n",
        "            holding.retire()\n",
        one_tab=(83, 103, 132),
    ),
    Mutant(
        "a 403 is read as a refusal (F12)", "oauth2/refusals",
        "frozenset({400, 410, 419, 422, 440})", "frozenset({400, 403, 410, 419, 422, 440})",
        one_tab=(30, 37, 41),
    ),
    Mutant(
        "a token's life is counted on the page's clock (T12)", "tokens/claims",
        "life = expires - (now if issued is None else issued)", "life = expires - now",
        one_tab=(1, 2, 8),
    ),
    Mutant(
        "a signal is listened to for ever (X5)", "http/abort_signal",
        "    finally:\n        unsubscribe()\n", "    finally:\n",
        one_tab=(5, 7, 9),
    ),
    Mutant(
        "a stream loses events", "session/listeners",
        "            stream.emit(event)\n", "            stream.empty() and stream.emit(event)\n",
        one_tab=(0, 1, 2),
    ),
    Mutant(
        "nobody looks inside the lock (T1)", "session/refresh",
        "up_to_date = await self._shared.adopt_newer()", "up_to_date = True",
        many_tabs=(34, 56, 151),
    ),
    Mutant(
        "what was granted is handed over when the lock is free again (T1)", "session/refresh",
        "        self._shared.hand_over(fresh, begins=False)\n",
        "        asyncio.get_running_loop().call_later(0.1, lambda: self._shared.hand_over(fresh, begins=False))\n",
        many_tabs=(0, 2, 7),
    ),
    Mutant(
        "what is not newer is taken (T8)", "tabs/shared_session",
        "if late or self.versions.is_old(granted.version):", "if late:",
        many_tabs=(0, 1, 2),
    ),
    Mutant(
        "a sign-out is not told (T8)", "tabs/shared_session",
        'self.end("signed_out")', 'self._release("signed_out")',
        many_tabs=(294, 384, 595),
    ),
    Mutant(
        "a sign-out is not heard (T8)", "session/other_tabs",
        'if reason == "signed_out":\n            self._resume.cancel()\n            self._sessions.interrupt(reason)', 'if reason == "signed_out":\n            pass',
        many_tabs=(20, 41, 48),
    ),
    Mutant(
        "what is over is not remembered (T8)", "tabs/known_versions",
        "if version.number <= self._over.up_to(version.session):", "if False:",
        many_tabs=(1, 3, 9),
    ),
    Mutant(
        "a sign-out is not passed on, nor looked up (T8)", ("tabs/shared_session", "tabs/known_versions", "session/grant"),
        'if ended.reason == "signed_out" and version is not None:', "if ended.version is None and version is not None:",
        "        return version.began <= self._sign_outs.until\n", "        return False\n",
        "(versions.overtaken_by, versions.pending_sign_out) if", "(versions.overtaken_by,) if",
        many_tabs=(4912,),
    ),
    Mutant(
        "a sign-out that is told again stops a sign-in (T8)", "tabs/known_versions",
        "return False  # this sign-out may be long ago", "return True  # this sign-out may be long ago",
        many_tabs=(1899, 3053, 3418),
    ),
    Mutant(
        "a late sign-out ends what is newer (T8)", "tabs/known_versions",
        "return mine is None or ended.version is None or not mine.began_after(ended.version)", "return True",
        many_tabs=(27, 293, 654),
    ),
    Mutant(
        "nobody looks at what the others show (T1)", "tabs/known_versions",
        "self.newest = max(news, default=None)", "self.newest = None",
        many_tabs=(34, 56, 142),
    ),
    Mutant(
        "the lock is never given back (T4)", "tabs/endpoint_lock",
        "waited = await held.enter_async_context(self._peers.lock())",
        "self.kept = self._peers.lock()\n                waited = await self.kept.__aenter__()",
        many_tabs=(0, 1, 2),
    ),
    Mutant(
        "the lock is not given back after an error (T4)", "tabs/endpoint_lock",
        "waited = await held.enter_async_context(self._peers.lock())",
        "self.kept = lock = self._peers.lock()\n                waited = await lock.__aenter__()\n"
        "                held.push_async_exit(lambda kind, *_: asyncio.sleep(0) if kind else lock.__aexit__(*[None] * 3))",
        many_tabs=(4, 11, 25),
    ),
    Mutant(
        "the lock is waited for without end (T4)", "tabs/endpoint_lock",
        "time_limit(self._patience)", "time_limit(None)",
        many_tabs=(1431, 1811, 2895),
    ),
    Mutant(
        "whoever waits too long for the lock goes on without it (T5)", "tabs/endpoint_lock",
        "if not self._in_time:", "if False:",
        many_tabs=(156, 807, 1431),
    ),
    Mutant(
        "the cookie of a page that is gone is not waited for (T7)", "tabs/endpoint_lock",
        "if may_land and self._versions.newest is None and self._versions.mine is before:", "if False:",
        many_tabs=(4093, 4286, 5905),
    ),
    Mutant(
        "another user's token is taken into the session that is on (S3)", "session/other_tabs",
        "if session and (same_session or users.compare(credential, session.credential) is UserMatch.SAME):",
        "if session:",
        many_tabs=(4, 22, 25),
    ),
    Mutant(
        "a new issue has the number of the old one", "tabs/known_versions",
        "Version(mine.began, mine.session, newest.number + 1)", "Version(mine.began, mine.session, newest.number)",
        many_tabs=(577, 1174),
    ),
    Mutant(
        "a token that ran out on its way is sent", "session/holding",
        " or (current.taken_over and current.credential.remaining(self._clock()) == 0)", "",
        many_tabs=(34, 151, 195),
    ),
    Mutant(
        "a refresh that paused is made, though another page made it", "session/refresh",
        "if self._holding.credential is not replaced:\n            return  #", "if False:\n            return  #",
        many_tabs=(299, 1114, 1347),
    ),
    Mutant(
        "the user is asked for a step-up after the end (S1)", "sending/attempts",
        "        session.check_alive()  # the user is not asked to sign in for a session that is over\n", "",
        further=(152, 294, 361),
    ),
    Mutant(
        "each request asks for its own step-up", "session/step_up",
        "await flight.join(partial(self._ask, wanted, self.session.credential))",
        "await self._ask(wanted, self.session.credential)",
        further=(1, 2, 7),
    ),
    Mutant(
        "a late 401 asks for another step-up (Q2)", "session/step_up",
        "        if number <= since:\n", "        if True:\n",
        "self._seen is parent.credential and await", "await",
        further=(214,),
    ),
    Mutant(
        "a step-up in another tab is asked for again for another API (Q2)", "session/step_up",
        "self._seen is parent.credential and await", "await",
        further=(3708, 4133),
    ),
    Mutant(
        "a step-up that is not enough is asked for without end", "sending/attempts",
        "if step_ups is None or history.stepped_up or self._caller.start_eagerly is not None:", "if step_ups is None:",
        further=(96, 109, 119),
    ),
    Mutant(
        "another user's step-up goes on as this one (S3)", "session/sign_in",
        "other = self._sessions.settings.users.compare(credential, session.credential) is UserMatch.OTHER", "other = False",
        further=(19, 171, 216),
    ),
    Mutant(
        "another API's token outlives its session (S1)", "session/derived",
        "            if self.sessions.latest is not None:\n                self.sessions.latest.end(self._parent_session.ended)\n", "",
        further=(5, 62, 63),
    ),
    Mutant(
        "another API's token is asked for out of turn (T1)", "session/resource_token",
        "            async with self.session.shared.lock.hold():\n                fresh = await self._run_under_lock()\n",
        "            fresh = await self._run_under_lock()\n",
        further=(1, 3, 4),
    ),
    Mutant(
        "another API's token is asked for after the end (S1)", "session/endpoint_calls",
        "if not self._seen_through:", "if False:",
        further=(11386,),
    ),
    Mutant(
        "a refresh token that came with another API's token is not kept (T1)", "session/grant",
        "            holding.keep_refresh_token(kept)\n            self._shared.hand_over(kept, begins=False)\n", "            pass\n",
        further=(7, 19, 25),
    ),
    Mutant(
        "a refresh token that came with another API's token is not handed over (T1)", "session/grant",
        "            holding.keep_refresh_token(kept)\n            self._shared.hand_over(kept, begins=False)\n", "            holding.keep_refresh_token(kept)\n",
        further=(7, 19, 25),
    ),
    Mutant(
        "another API's token of another user is sent (S3)", "session/resource_token",
        "if match is UserMatch.OTHER:  # the cookie", "if False:  # the cookie",
        strangers=(155,),
    ),
    Mutant(
        "a Retry-After is that client's alone which asked (F2)", "session/resource_token",
        "                session.backoff.failed(error.retry_after)\n            raise\n", "                pass\n            raise\n",
        further=(957, 1149),
    ),
    Mutant(
        "who waits for a turn does not hear of a Retry-After (F2)", "session/refresh",
        "        self._backoff.check()  # the server may have answered a call with Retry-After while this one waited for the lock\n", "",
        further=(21017, 21718, 22369),
    ),
    Mutant(
        "a nonce is not learned (X3)", "tokens/dpop",
        "            self._nonces[self._parse(request.url).origin] = nonce\n", "            pass\n",
        bound=(0, 1, 2),
    ),
    Mutant(
        "a refused token is sent again for a nonce that another answer brought (X3)", "tokens/dpop",
        "            self._nonces[self._parse(request.url).origin] = nonce\n        return nonce\n", "            self._nonces[self._parse(request.url).origin] = nonce\n        return self._nonces.get(self._parse(request.url).origin)\n",
        bound=(11266, 49495),
    ),
    Mutant(
        "a request is repeated with a nonce that came late (X3)", "tokens/dpop",
        "nonce = nonce or self._nonces.get(url.origin)", "nonce = self._nonces.get(url.origin)",
        bound=(1076,),
    ),
    Mutant(
        "the API's nonces and the endpoint's are mixed up (X3)", "interceptor",
        "prover = Prover(proofs, parse_url) if proofs else None  # of its own", "prover = rules.prover  # of its own",
        bound=(0, 1, 2),
    ),
    Mutant(
        "the endpoint is not asked again for a nonce (X3)", "oauth2/dpop_calls",
        "if wanted not in (None, nonce) and", "if wanted is None and",
        bound=(0, 1, 2),
    ),
    Mutant(
        "the endpoint is asked again whatever it answers (X3)", "oauth2/dpop_calls",
        " and await _lacks_nonce(answer):", ":",
        bound=(1, 10, 16),
    ),
    Mutant(
        "the endpoint is asked again for a nonce without end (X3)", "oauth2/dpop_calls",
        "        if wanted not in (None, nonce)", "        while wanted not in (None, nonce)",
        "            proof, _ = await prover.proof(request, nonce=wanted)", "            proof, nonce = await prover.proof(request, nonce=wanted)",
        "            prover.learn(request, answer)\n", "            wanted = prover.learn(request, answer)\n",
        bound=(468,),
    ),
    Mutant(
        "the endpoint is shown the same proof again (X3)", "oauth2/dpop_calls",
        "            proof, _ = await prover.proof(request, nonce=wanted)\n", "",
        bound=(0, 1, 2),
    ),
    Mutant(
        "an endpoint that wants a nonce is taken to refuse (X3)", "oauth2/token_response",
        "repeated with it by now\n", "repeated with it by now\n        raise refusal_in(401, headers, None, empty=True, no_user=False, in_cookies=False)\n",
        bound=(533, 550, 632),
    ),
    Mutant(
        "a request for a nonce is taken for a refused token (X3)", "sending/decisions",
        "if (bound and asks_for_nonce(answer.challenges)) or (answer.nonce and hides_challenges):", "if False:",
        bound=(0, 1, 7),
    ),
    Mutant(
        "a request is repeated for nonces without end (X3)", "sending/attempts",
        "nonce != history.nonce and not history.asked_for_nonce and", "nonce != history.nonce and",
        bound=(7, 16, 63),
    ),
    Mutant(
        "after a replay no nonce is given (X3)", "sending/attempts",
        "        self._history.asked_for_nonce = False\n", "",
        bound=(243, 307, 481),
    ),
    Mutant(
        "a repeat for a nonce is the one replay (X3)", "sending/attempts",
        "                self._history.asked_for_nonce = True\n", "                self._history.asked_for_nonce = True\n                self._history.replays += 1\n",
        bound=(0, 1, 7),
    ),
    Mutant(
        "a body that can be read once is sent twice for a nonce (Q8)", "sending/attempts",
        "not history.asked_for_nonce and self._request.replayable", "not history.asked_for_nonce",
        bound=(59, 90, 96),
    ),
    Mutant(
        "a proof is kept for the next attempt (X3)", "sending/attempts",
        "            proof, self._history.nonce = await", "            self.kept = proof, self._history.nonce = getattr(self, 'kept', None) or await",
        bound=(0, 1, 7),
    ),
    Mutant(
        "a new token is sent with the proof for the old one (X3)", "sending/attempts",
        "            credential, renewed, proof = current, current, None\n", "            credential = current\n            break\n",
        bound=(10, 56, 73),
    ),
    Mutant(
        "nobody looks again after a proof was made (S1, Q15)", "sending/attempts",
        "            current = await self._obtain(session, renewed=renewed)\n", "            current = credential\n",
        bound=(10, 47, 56),
    ),
    Mutant(
        "a token that ran out while its proof was made is sent", "sending/attempts",
        "obtain(session, renewed=renewed)\n            if current", "obtain(session, renewed=credential)\n            if current",
        bound=(242, 304),
    ),
    Mutant(
        "a proof does not say for which token it is (X3)", "tokens/dpop",
        "token = credential.access_token if credential else None", "token = None",
        bound=(0, 1, 2),
    ),
    Mutant(
        "a proof tells the query (X3)", "tokens/dpop",
        "url.origin + url.path, access_token", "request.url, access_token",
        bound=(0, 1, 2),
    ),
    Mutant(
        "a bound token is sent as a bearer", "tokens/header_fields",
        "scheme = credential.token_type if credential.bound else self.scheme", "scheme = self.scheme",
        bound=(0, 1, 2),
    ),
    Mutant(
        "a sign-out ends what began after it (S5)", "session/sign_out",
        "if self._shared.versions.cookie_is_of_a_later_sign_in(until) and not _in_body(signed_out):", "if False:",
        strangers=(279,),
    ),
    Mutant(
        "a mark of the far future stands (X9)", "tabs/pending_sign_out",
        "return ahead <= within and (self.told or -ahead <= within)", "return self.told or -ahead <= within",
        strangers=(181, 429, 459),
    ),
    Mutant(
        "whatever answers a sign-out has confirmed it (F15)", "oauth2/token_source",
        "if is_final(status)", "if False",
        strangers=(1, 3, 5),
    ),
    Mutant(
        "another number or text names another user (S6)", "tokens/users",
        "    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)\n", "    return value\n",
        strangers=(3, 17, 23),
    ),
    Mutant(
        "upper case names another user (S6)", "tokens/users",
        "UserMatch.UNKNOWN if one.casefold() == other.casefold() else UserMatch.OTHER", "UserMatch.OTHER",
        strangers=(18, 29, 34),
    ),
    Mutant(
        "only sub names a user (S7)", "tokens/users",
        "CLAIMS: Final = (\"sub\", \"user_id\", \"uid\", \"username\", \"email\")", "CLAIMS: Final = (\"sub\",)",
        strangers=(4, 19, 23),
    ),
    Mutant(
        "only sub and user_id name a user (S7)", "tokens/users",
        "\"user_id\", \"uid\", \"username\", \"email\")", "\"user_id\")",
        strangers=(4, 19, 47),
    ),
    Mutant(
        "a rotated refresh token goes with a bad answer (F19)", "session/grant",
        "        if rotated is not None and presented.refresh_token is not None:\n", "        if False:\n",
        strangers=(19, 24, 27),
    ),
    Mutant(
        "a type that is empty is none of ours (F19)", "oauth2/token_response",
        'str(found["token_type"] or "bearer")', 'str("bearer" if found["token_type"] is None else found["token_type"])',
        strangers=(12, 44, 70),
    ),
    Mutant(
        "the refresh token beside a type that is none of ours is dropped (F19)", "oauth2/token_response",
        "            rotated=rotated,\n", "            rotated=None,\n",
        strangers=(185, 554),
    ),
    Mutant(
        "the refresh token beside no access token is dropped (F19)", "oauth2/token_response",
        "is_json=body is not None), rotated=rotated)", "is_json=body is not None))",
        strangers=(118, 481),
    ),
    Mutant(
        "the refresh token beside an unusable one is dropped (F19)", "tokens/credentials",
        "rotated=presentable(self.refresh_token)", "rotated=None",
        strangers=(19, 24, 168),
    ),
    Mutant(
        "what begins in the far future is the newest of all (X9)", "tabs/protocol",
        "return self if self.began <= now * 1000 + AHEAD else replace(self, began=_before_all_others(self.began))", "return self",
        strangers=(64, 109, 216),
    ),
    Mutant(
        "a date of any length is one (X9)", "tabs/protocol",
        "if len(began) > _LONGEST_BEGAN or not", "if not",
        strangers=(11, 40, 254),
    ),
    Mutant(
        "a credential that can't be sent is taken from another page (X10)", "tabs/shared_session",
        "case Granted() as granted if self._client.accepts(granted.credential):", "case Granted() as granted:",
        strangers=(7, 40, 41),
    ),
    Mutant(
        "a credential that can't be sent is taken from the store (X10)", "tabs/session_store",
        "if isinstance(message, Granted) and self._client.accepts(message.credential):", "if isinstance(message, Granted):",
        strangers=(50, 130, 136),
    ),
    Mutant(
        "only an answer of 401 refuses (F13)", "oauth2/refusals",
        "    return status in _JUDGING and judging\n", "    return False\n",
        strangers=(0, 5, 6),
    ),
    Mutant(
        "a refusal without a body is none (F13)", "oauth2/refusals",
        "judging = empty or isinstance", "judging = isinstance",
        strangers=(6, 15, 18),
    ),
    Mutant(
        "a proxy's page refuses (F12)", "oauth2/refusals",
        "judging = empty or", "judging = True or",
        strangers=(31, 88, 157),
    ),
    Mutant(
        "an answer under 403 never refuses (F13)", "oauth2/refusals",
        "    if status in _TRY_LATER or", "    if status == 403 or status in _TRY_LATER or",
        strangers=(2, 4, 29),
    ),
    Mutant(
        "an error under 200 is none (F13)", "oauth2/refusals",
        "not (200 <= status < 300 or 400 <= status < 500)", "not 400 <= status < 500",
        strangers=(50, 54, 80),
    ),
    Mutant(
        "an error that passes refuses (F12)", "oauth2/refusals",
        "    if status < 300 or any(map(_PASSING.search, codes)):", "    if status < 300:",
        strangers=(23, 74, 173),
    ),
    Mutant(
        "a server that failed refuses (F12)", "oauth2/refusals",
        "not (200 <= status < 300 or 400 <= status < 500)", "status < 200",
        strangers=(15, 56, 171),
    ),
    Mutant(
        "a gateway's 403 refuses (F12)", "oauth2/refusals",
        "    return status in _JUDGING and", "    return status in {403, *_JUDGING} and",
        strangers=(34, 37, 41),
    ),
    Mutant(
        "a sign-out is not told before the sign-in that follows it (S5)", "session/sign_in",
        "            await self._sign_outs.tell_again()  # another tab may have signed out, and still wait for the lock (S5)\n", "",
        strangers=(279,),
    ),
    Mutant(
        "a sign-out that is refused for good is told again and again (F15)", "session/sign_out",
        "            settled()\n            self._emit(SignOutPhase.REFUSED", "            self._emit(SignOutPhase.REFUSED",
        strangers=(98, 263, 293),
    ),
    Mutant(
        "the tokens of a sign-in that was overtaken are nobody's (S1)", "session/sign_out",
        "            if mine is None or mine.credential.refresh_token != credential.refresh_token:", "            if False:",
        one_tab=(21, 38, 85),
        strangers=(38, 80),
    ),
    Mutant(
        "a mark stands for ever (F15)", "tabs/pending_sign_out",
        "return ahead <= within and (self.told or -ahead <= within)", "return True",
        strangers=(9, 34, 68),
    ),
    Mutant(
        "a sign-out takes its place when its turn comes (S5)", "session/sign_out",
        "        async with self._shared.lock.hold(place):  # after", "        place.give_up()\n        await asyncio.sleep(0)\n        async with self._shared.lock.hold():  # after",
        strangers=(126, 1260),
    ),
    Mutant(
        "a wrong URL refuses (F12)", "oauth2/refusals",
        "_TRY_LATER: Final = frozenset({404, ", "_TRY_LATER: Final = frozenset({",
        "_JUDGING: Final = frozenset({400, ", "_JUDGING: Final = frozenset({400, 404, ",
        strangers=(5, 44, 75),
    ),
    Mutant(
        "tokens for different resources are compared (S6)", "session/resource_token",
        "        if match is UserMatch.UNKNOWN and users.compare(fresh, held) is UserMatch.SAME:\n            return UserMatch.SAME\n        return match\n", "        return UserMatch.OTHER if match is UserMatch.UNKNOWN and users.seem_to_differ(fresh, held) else match\n",
        strangers=(0, 24, 37),
    ),
    Mutant(
        "nobody asks whose the cookie is (S6)", "session/resource_token",
        "    if one.leaves_open_whose_cookie_it_is(fresh):\n", "    if False:\n",
        strangers=(34, 68, 210),
    ),
    Mutant(
        "a text that is nested too deeply is read (X8)", "http/json_text",
        "    if is_nested_deeper(text, deepest):\n        raise ValueError(\"nested too deeply\")\n", "    if is_nested_deeper(text, deepest):\n        raise RecursionError\n",
        strangers=(5, 6, 16),
    ),
]  # fmt: skip


@contextmanager
def mutated(mutant: Mutant, folder: Path) -> Iterator[ModuleType]:
    """The package with one fault in it; the real one is back at the end."""
    copy = folder / "reissue"
    shutil.copytree(CORE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    mutant.put_into(copy)

    real = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "reissue"}
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        yield importlib.import_module("reissue")
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.partition(".")[0] == "reissue"]:
            del sys.modules[name]
        sys.modules.update(real)
