"""The tiny auth plugin in Python: lets in who shows the token of the configuration. See README.md."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.check import Decision_Abstain, Decision_Allow, Decision_Deny, Denial, Grant
from wit_world.imports import config, crypto
from wit_world.imports.types import Attribute


class Check(exports.Check):
    def authorize(self, session):
        """Returns the answer, or raises an error for the operator."""
        expected = config.value("token")
        if expected is None:
            raise Err("config: `token` is missing")
        shown = session.token()
        if shown is None:
            return Decision_Abstain()
        if not crypto.equal(expected.encode(), shown.encode()):  # in constant time
            return Decision_Deny(Denial(401, "This link is not valid.", None))
        return Decision_Allow(
            Grant(
                subject="alice",
                stream_name=None,
                ttl_ms=10 * 60 * 1000,
                max_bitrate_kbps=4000,
                max_viewers=None,
                tags=[Attribute("plan", config.value("plan") or "free")],
            )
        )
