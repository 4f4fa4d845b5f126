"""Who publishes in the demo, and what is done to their rights while it runs."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from clearmark import wiring
from clearmark.demo.pictures import KNOWN, encoded, photograph, photographs, photographs_are_there
from clearmark.demo.pictures import special as wrong_pictures
from clearmark.demo.texts import ESSAY
from clearmark.demo.texts import uploads as texts
from clearmark.errors import Stop
from clearmark.kafka import clients
from clearmark.operate import consents, features, identities
from clearmark.operate.desk import StateDesk
from clearmark.operate.moments import rfc3339
from clearmark.publish import Upload
from clearmark.screen.pdq import pdq
from clearmark.topology import Topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from clearmark.config import Config
    from clearmark.operate.desk import Change

LATE, REPEATER, PERSON, STRANGER = "user-expired", "user-repeats", "model-01", "model-02"
_UNKNOWN: Final = "user-unknown"
_EXPIRES_S: Final = 1.0
_PATIENCE_S: Final = 60.0


class Story:
    """Prepares the demo's users and persons, and changes what they may do while it runs.

    Args:
        config: of the cluster.
        env: names the keys.
        say: told each step, one line.
    """

    def __init__(self, config: Config, env: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._config, self._say = config, say
        self._key = config.load_keys(env).digests
        self._desk = StateDesk(
            clients.settings(config), clients.admin(config), config.topics.topology(), "demo", lambda: datetime.now(UTC)
        )

    def prepare(self) -> None:
        """Verify the users, record a person's consent, and make one picture known as prohibited."""
        if not photographs_are_there():
            self._say("drawn pictures stand in for photographs: those come with pip install 'clearmark[demo]'")
        users = dict.fromkeys(upload.user_id for upload in (*self.first(), *self.second()) if upload.user_id)
        count = self._desk.write([*self._identities([u for u in users if u not in (_UNKNOWN, LATE)]), *self._rights()])
        self._say(f"recorded {count - 2} identities, a consent and a known picture")
        time.sleep(_EXPIRES_S)  # the expired identity is one by now

    def first(self) -> list[Upload]:
        """Return what is published first."""
        made = [*texts(), *photographs(), *wrong_pictures()]
        fine = f"{ESSAY}（请注明出处）".encode()
        made += [
            Upload(fine, "text/plain", _UNKNOWN, "no-identity"),
            Upload(fine, "text/plain", LATE, "expired-identity"),
            _portrait("portrait-with-consent", PERSON),
            _portrait("portrait-without-consent", STRANGER),
        ]
        made += [
            Upload(f"第{i}次：出售枪支，货到付款。".encode(), "text/plain", REPEATER, f"repeated-{i}")
            for i in (1, 2, 3)
        ]
        return made

    def change(self) -> None:
        """Take the person's consent back, and wait until the third violation in a row has led to a suspension.

        Raises:
            Stop: it has not within a minute.
        """
        views = wiring.views(self._config, (Topic.CONSENTS, Topic.STANDING), self._key)
        try:
            views.catch_up()
            known = views.consent(PERSON)
            assert known is not None
            self._desk.write([consents.revoked(known, "the person asked for it", datetime.now(UTC))])
            self._say(f"{PERSON} has taken the consent back")
            deadline = time.monotonic() + _PATIENCE_S
            while (standing := views.standing(REPEATER)) is None or standing.level != "suspended":
                if time.monotonic() > deadline:
                    raise Stop(f"{REPEATER} was not suspended", remedy=f"see {self._config.folder}/logs/govern.log")
                time.sleep(0.1)
                views.catch_up()
            self._say(f"{REPEATER} is suspended until {standing.until}: {standing.rule}")
        finally:
            views.close()

    def second(self) -> list[Upload]:
        """Return what is published after that."""
        return [
            _portrait("portrait-after-revocation", PERSON),
            Upload(ESSAY.encode(), "text/plain", REPEATER, "after-suspension"),
        ]

    def _identities(self, users: Sequence[str]) -> Iterator[Change]:
        now = datetime.now(UTC)
        for i, user in enumerate(users):
            yield identities.verified(self._key, user, "mobile", f"139{i:08d}", None, now)
        soon = rfc3339(now + timedelta(seconds=_EXPIRES_S))
        yield identities.verified(self._key, LATE, "passport", "E12345678", soon, now)

    def _rights(self) -> Iterator[Change]:
        now = datetime.now(UTC)
        yield consents.granted(self._key, PERSON, ["face", "likeness"], now)
        yield features.image(str(pdq(photograph(KNOWN))[0]), "A.1.d", "block", now)


def _portrait(name: str, person: str) -> Upload:
    file = encoded(photograph("astronaut"), "PNG")
    return Upload(file, "image/png", "user-00", name, {"likenesses": person})
