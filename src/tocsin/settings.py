"""Every setting, typed, with its default and the reason for it.

- A setting comes from ``tocsin.toml`` in the data folder, and over that from the environment (``TOCSIN_`` and its name
  in capitals); a name nobody knows is refused, because a misspelt safety setting must not be silently ignored.
- The reason in each field's description is what ``docs/reference/settings.md`` shows.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from tocsin.errors import SettingsError


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """What an installation can choose."""

    bind: Annotated[
        str, Meta(description="Address and port to listen on; loopback until somebody decides otherwise.")
    ] = "127.0.0.1:8080"
    realm: Annotated[
        str,
        Meta(
            description="actual or exercise: one process serves one realm, so that nobody can mix them up.",
            pattern="^(actual|exercise)$",
        ),
    ] = "actual"
    public_url: Annotated[
        str,
        Meta(description="The address people reach this installation under; links and CAP senders are made from it."),
    ] = "http://127.0.0.1:8080"
    sender: Annotated[
        str, Meta(description="alert.sender of what this installation publishes: a name that is unique in the world.")
    ] = "tocsin.invalid"
    sender_name: Annotated[str, Meta(description="Who warns, as people know them; shown beside every warning.")] = (
        "Tocsin"
    )
    home: Annotated[str, Meta(description="Area code of the place that the first page shows.")] = "UA-30"
    languages: Annotated[
        tuple[str, ...], Meta(description="Languages people are offered, first the one that is used when none fits.")
    ] = ("en", "uk", "de", "fr")
    all_clear_minutes: Annotated[
        int,
        Meta(
            description="How long an all-clear stays on the page before it becomes calm: practice asks 15 to 60.",
            ge=15,
            le=60,
        ),
    ] = 30
    stale_after_intervals: Annotated[
        float,
        Meta(
            description="A source not heard for this many of its intervals is lost, and its areas are unknown (F20).",
            ge=1,
        ),
    ] = 2.0
    heartbeat_seconds: Annotated[
        int,
        Meta(
            description="A signed sign of life goes to every stream this often; clients count on 30 s at most.",
            ge=1,
            le=30,
        ),
    ] = 15
    max_message_bytes: Annotated[
        int, Meta(description="The largest message taken from a public sender.", ge=10_000)
    ] = 2_000_000
    max_trusted_message_bytes: Annotated[
        int, Meta(description="The largest message taken from a configured source; real ones reach 1.7 MB.", ge=10_000)
    ] = 10_000_000
    reads_per_second: Annotated[
        float,
        Meta(
            description="Requests a second one address may make; generous, since thousands can stand behind one.", gt=0
        ),
    ] = 500.0
    writes_per_second: Annotated[
        float,
        Meta(
            description="Messages and subscriptions a second one token or address may send; a burst of 20 s is free.",
            gt=0,
        ),
    ] = 5.0
    census: Annotated[
        str,
        Meta(
            description="The CSV file that says how many people live where (columns code and people), relative to the "
            "data folder. An area it does not know counts as very many: two persons, and its name typed."
        ),
    ] = "census.csv"
    area_packs: Annotated[
        tuple[str, ...], Meta(description="Files with areas below ISO 3166-2: GeoJSON, or a code tree with parents.")
    ] = ()
    feeds: Annotated[
        str,
        Meta(description="The file that names the sources to listen to; empty for none. Relative to the data folder."),
    ] = "feeds.toml"
    policy: Annotated[
        str, Meta(description="The signed file that says which official sources are mirrored without a person.")
    ] = "policy.toml"
    emergency_number: Annotated[
        str, Meta(description="Whom to call when in danger, as the page says it; 112 works in all of Europe.")
    ] = "112"
    stream_connections: Annotated[
        int,
        Meta(description="Streams open at once; each holds a file descriptor, so `ulimit -n` must be above it.", ge=1),
    ] = 20_000
    stream_connections_per_address: Annotated[
        int,
        Meta(
            description="Streams from one address; many people share one behind a mobile network, a flood does too.",
            ge=1,
        ),
    ] = 256
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(
            description="Addresses of our own reverse proxies: only their X-Forwarded-For is believed, and they "
            "themselves are not counted as one listener."
        ),
    ] = ("127.0.0.1", "::1")
    channels: Annotated[
        str,
        Meta(
            description="The file with the ways out (mail relay, broker, gateways) and their keys, one table a channel; "
            "relative to the data folder. A channel without its table waits, and nothing for it is lost."
        ),
    ] = "channels.toml"
    session_idle_minutes: Annotated[
        int,
        Meta(
            description="A console left alone for so long signs its person out: long enough to write a warning, short "
            "enough that nobody finds it open after a break.",
            ge=5,
            le=240,
        ),
    ] = 30
    session_hours: Annotated[
        int,
        Meta(description="The longest a person stays signed in, however active: one shift of duty.", ge=1, le=24),
    ] = 12
    session_warning_minutes: Annotated[
        int,
        Meta(
            description="So long before a session ends the page says so and offers to go on (WCAG 2.2.1 asks 20 s).",
            ge=1,
            le=30,
        ),
    ] = 5
    invitation_hours: Annotated[
        int,
        Meta(description="A link that enrols a person ends after so long, or with its first use.", ge=1, le=24),
    ] = 24
    oidc_issuer: Annotated[
        str,
        Meta(
            description="The address of an OpenID Connect issuer whose people may sign in here once they are enrolled; "
            "empty for none. Passkeys work without it, also when the network beyond this house is gone."
        ),
    ] = ""
    oidc_client_id: Annotated[str, Meta(description="What the OpenID Connect issuer calls this installation.")] = ""
    oidc_client_secret_file: Annotated[
        str,
        Meta(
            description="The file with the client secret for the issuer, relative to the data folder; a file of its own "
            "so that settings can be shown. Empty for a public client (PKCE protects both)."
        ),
    ] = ""
    oidc_name: Annotated[str, Meta(description="What the button for signing in through the issuer says.")] = (
        "OpenID Connect"
    )
    webhook_loopback: Annotated[
        bool,
        Meta(
            description="Whether webhooks may go to this machine itself, for tests and demonstrations; anywhere else "
            "it would let subscribers reach what only this machine may (SSRF)."
        ),
    ] = False
    webpush_contact: Annotated[
        str,
        Meta(
            description="Whom a push service writes to when something is wrong with what we send: a mailto: or https: "
            "address. Empty for public_url where that is https; some services refuse messages without one (RFC 8292).",
            pattern="^(|mailto:.+|https:.+)$",
        ),
    ] = ""
    webpush_prepared: Annotated[
        int,
        Meta(
            description="Keys prepared in calm for each Web Push subscriber: an alert and its end need one each. 114 B "
            "each; 0 makes all of them at the alarm, at about 8,000 a second.",
            ge=0,
            le=8,
        ),
    ] = 2
    webpush_prepared_days: Annotated[
        float, Meta(description="No prepared key older than this is used, so a stolen one is soon worth nothing.", gt=0)
    ] = 7.0
    webpush_per_second: Annotated[
        float, Meta(description="Messages a second to one push service: the quota of the largest is 10,000.", gt=0)
    ] = 10_000.0
    webpush_loopback: Annotated[
        bool,
        Meta(description="Whether push services may be on this machine itself, for tests; otherwise that is SSRF."),
    ] = False
    shown_channels: Annotated[
        tuple[str, ...],
        Meta(
            description="Channels whose receipt of having been shown is waited for before a person's next channel is "
            "spared. Only for those that bring such receipts here; by the others a person would be told twice."
        ),
    ] = ()
    selfdrill_at: Annotated[
        str,
        Meta(
            description="When every channel is tried end to end each night with a canary, in UTC; empty for never. "
            "The hour before dawn, because that is when alarms must not be found broken.",
            pattern="^(|([01][0-9]|2[0-3]):[0-5][0-9])$",
        ),
    ] = "02:30"
    rollcall_wait_minutes: Annotated[
        int,
        Meta(
            description="Nobody is asked whether they are safe while they should be running: under act the question "
            "waits for hold or the all-clear, or for so long at most. 0 waits as long as act lasts.",
            ge=0,
            le=1440,
        ),
    ] = 30
    rollcall_warden_minutes: Annotated[
        int,
        Meta(description="So long after the question the wardens of a zone are told who is missing.", ge=0, le=1440),
    ] = 10
    rollcall_deputy_minutes: Annotated[
        int, Meta(description="So long after the question the duty officers are told who is missing.", ge=0, le=1440)
    ] = 20
    rollcall_days: Annotated[
        int,
        Meta(
            description="So many days after a roll call was closed it is erased who gave which answer; how many gave it "
            "stays in the record.",
            ge=1,
            le=3650,
        ),
    ] = 30
    visitor_days: Annotated[
        int, Meta(description="So many days after their end a visitor is erased from the roster.", ge=0, le=3650)
    ] = 7
    receipt_days: Annotated[
        int,
        Meta(
            description="So many days after an event it is erased who received its alerts; how many did, where and by what, "
            "stays in the record.",
            ge=1,
            le=3650,
        ),
    ] = 30
    models: Annotated[
        str,
        Meta(
            description="The folder of an optional local model, relative to the data folder; empty for none. It only "
            "proposes statements and puts in order what a person is asked anyway."
        ),
    ] = ""
    model_endpoint: Annotated[
        str,
        Meta(
            description="The OpenAI-compatible address that reports are sent to for proposals, such as "
            "https://models.example/v1. Empty, and no report leaves this machine; `tocsin doctor` says which it is.",
            pattern=r"^(|https://.+|http://(127\.0\.0\.1|localhost|\[::1\])([:/].*)?)$",
        ),
    ] = ""
    model_endpoint_model: Annotated[
        str, Meta(description="Which model the endpoint is asked for, by its name there.")
    ] = ""
    model_endpoint_key_file: Annotated[
        str,
        Meta(
            description="The file with the endpoint's key, relative to the data folder, readable by its owner only. Empty "
            "for an endpoint that asks for none."
        ),
    ] = ""
    model_endpoint_seconds: Annotated[
        float, Meta(description="The longest that one answer of the endpoint is waited for.", gt=0, le=120)
    ] = 20.0
    model_endpoint_per_hour: Annotated[
        int,
        Meta(
            description="Reports an hour that are sent to the endpoint; those beyond are read by the rules alone, so "
            "that a flood of reports costs no fortune.",
            ge=1,
            le=100_000,
        ),
    ] = 60


def load(data: Path | None = None, environ: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """The settings of the installation in the folder ``data``; ``given`` ones (from the command line) win."""
    values: dict[str, Any] = {}
    if data is not None and (file := data / "tocsin.toml").is_file():
        try:
            values.update(tomllib.loads(file.read_text("utf-8")))
        except tomllib.TOMLDecodeError as wrong:
            raise SettingsError(f"{file}: {wrong}") from None
    known = {field.name: field for field in msgspec.structs.fields(Settings)}
    for name, text in (os.environ if environ is None else environ).items():
        if name.startswith("TOCSIN_") and (key := name[7:].lower()) in known:
            values[key] = text.split(",") if isinstance(known[key].default, tuple) else text
    values.update({key: value for key, value in given.items() if value is not None})
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as wrong:
        raise SettingsError(str(wrong)) from None
