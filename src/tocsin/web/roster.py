"""Taking in a roster: a sheet of people becomes the members of an installation, updated by their own key.

- Who is not on the sheet any more is erased, but only of the kinds that the sheet is about: a list of visitors says nothing
  of the staff. When more than a part would go, nothing is changed without force.
- The fact says how many and the file's digest, and nobody's name.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from tocsin.account.importing import Change, Installation, Mapped, Understood, too_many_gone
from tocsin.account.roster import MEMBER_ERASED, ROSTER_IMPORTED, Erased, Imported
from tocsin.account.roster_file import Row, read_sheet
from tocsin.journal import fact
from tocsin.remark import remark
from tocsin.web.confirm import ADDRESSES
from tocsin.web.rolls import Rolls, of


class RosterImporter:
    """Implements :class:`tocsin.account.importing.Importer`. ``by`` is who takes it in; empty for a command."""

    name = "roster"

    def __init__(self, by: str = "") -> None:
        self.by = by

    def read(self, content: bytes, mapping: Mapped) -> Understood:
        """What a sheet says; days are read anew in the installation's own zone when it is taken in."""
        understood = read_sheet(content, mapping, ADDRESSES)
        return msgspec.structs.replace(understood, found=(content, dict(mapping)))

    def change(self, there: Installation, understood: Understood) -> Change:
        """What taking it in would change."""
        return self._plan(there, understood)[0]

    def apply(self, there: Installation, understood: Understood, *, force: bool = False) -> Change:
        """Take it in, in one commit with its fact."""
        change, plans, gone = self._plan(there, understood)
        if change.refused and not force:
            return change
        change = msgspec.structs.replace(change, refused="")
        if plans or gone:
            rolls, realm = of(there.house), there.settings.realm
            digest = hashlib.sha256(understood.found[0]).hexdigest()
            told = Imported(self.by, change.new, change.changed, change.same, change.gone)
            facts = [fact(ROSTER_IMPORTED, digest, told, realm)]
            facts += [fact(MEMBER_ERASED, one, Erased(self.by, "gone"), realm) for one in gone]
            rolls.roster.take_in(plans, gone, facts)
            rolls.vacate(gone)
        return change

    def _plan(self, there: Installation, understood: Understood) -> tuple[Change, list[Any], list[str]]:
        rolls: Rolls = of(there.house)
        content, mapping = understood.found
        zone = there.gazetteer.get(there.settings.home).zone
        rows: list[Row] = list(read_sheet(content, mapping, ADDRESSES, zone).found)
        new, changed, same, missing = rolls.roster.plan([(row.member, row.details) for row in rows])
        kinds = {row.member.kind for row in rows}
        at = there.clock.now()
        there_now = [one for one in rolls.roster.members() if one.kind in kinds]
        gone = [one.id for one in there_now if one.id in set(missing)]
        # A visitor whose stay is over is gone anyway; only who is still expected can be missing from half a file.
        current = [one for one in there_now if one.here(at)]
        refused = too_many_gone(
            sum(one.id in set(gone) for one in current), len(current), what=remark("import.people", "people")
        )
        zones = sorted({row.member.zone for row in rows if row.member.zone})
        wardens = {zone for row in rows for zone in row.member.wards}
        lines = [
            remark(
                "import.zones",
                "{zones} zones, {watched} of them with a warden on this sheet.",
                zones=len(zones),
                watched=len(set(zones) & wardens),
            )
        ]
        if loose := sorted(wardens - set(zones))[:5]:
            lines.append(remark("import.loose", "Wardens of zones that nobody is in: {zones}.", zones=tuple(loose)))
        return Change(len(new), len(changed), same, len(gone), tuple(lines), refused), [*new, *changed], gone


IMPORTER = RosterImporter()
