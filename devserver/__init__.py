"""The demo's file server and a mock auth server, for development and tests only; `serve.py` is its command line.

From the inside out:

1. `issuer` mints, rotates, revokes and verifies tokens, signed with one of `keys`. It knows no HTTP; its clock and key
   are passed in.
2. `lab` holds the counters, and the `faults` that a test or the demo has ordered. `traffic` counts each request and
   applies the faults; `connection` can hang up without an answer.
3. Thin handlers put this on the wire: `auth` (sign-in, refresh, sign-out), `api` (what the tokens protect), `controls`
   (`/dev`: counters, and faults on demand), and `files` (the page). They read their input with `requests`, and refuse
   with `refusals`. `origins` says who may call, and `headers` what every answer carries.
4. `app` puts all of it together, as `settings` say.

Everything lives in memory and in one thread. No handler awaits between reading the issuer's state and changing it, so
two refreshes at once are two refreshes in a row.

It is not an identity provider: it has two users with published passwords, keys made at start, and `/dev` controls that
anyone who can open the page may use.
"""
