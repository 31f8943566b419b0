"""Signatures of commits and tags: what git says of them.

git checks them, with whatever programs, keys and allowed signers it is configured with; nothing is believed
that git's exit status does not confirm.  What it says is read for people to see who signed.
"""

import re
from dataclasses import dataclass
from typing import Literal

from datav.git.process import Git, Output
from datav.git.rawobjects import without_replacements

SignatureKind = Literal["openpgp", "ssh", "x509"]
SignatureState = Literal[
    "good",
    "unknown-trust",
    "low-trust",
    "unknown-key",
    "bad",
    "expired",
    "expired-key",
    "revoked-key",
    "unchecked",
    "none",
]
"""Of these only `good` and `unknown-trust` are signatures that git takes.

    good            by a key that is trusted; with SSH: of an allowed signer
    unknown-trust   by a key in the keyring of which nobody said whose it is
    low-trust       by a key that is trusted less than git asks for, or never
    unknown-key     by a key that is not in the keyring, or of no allowed signer
    bad             of something else than this object
    expired         it, or the key, is past its time
    unchecked       git could not check it: no program, no list of allowed signers
    none            there is no signature
"""

_ARMORS: dict[bytes, SignatureKind] = {
    b"-----BEGIN PGP SIGNATURE-----": "openpgp",
    b"-----BEGIN PGP MESSAGE-----": "openpgp",
    b"-----BEGIN SSH SIGNATURE-----": "ssh",
    b"-----BEGIN SIGNED MESSAGE-----": "x509",
}
_HEADERS = (b"gpgsig ", b"gpgsig-sha256 ")

# What GnuPG says of a signature, and what that is.
_SAID: dict[str, SignatureState] = {
    "GOODSIG": "good",
    "BADSIG": "bad",
    "EXPSIG": "expired",
    "EXPKEYSIG": "expired-key",
    "REVKEYSIG": "revoked-key",
    "ERRSIG": "unknown-key",
}
_NO_PUBLIC_KEY = "9"
_STATUS = re.compile(r"^\[GNUPG:\] ([A-Z_]+)(?: (.*))?$", re.MULTILINE)
_SSH = re.compile(r'^Good "git" signature (?:for (.*) )?with (\S+) key (\S+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Signature:
    """What git says of the signature of a commit or a tag."""

    state: SignatureState
    kind: SignatureKind | None = None
    signer: str | None = None
    """As the keyring, or the list of allowed signers, calls them; None when it does not know the key."""
    fingerprint: str | None = None
    """Of the key."""
    trust: str | None = None
    """What GnuPG thinks of the key: `undefined`, `never`, `marginal`, `fully`, `ultimate`; None with SSH."""
    message: str = ""
    """Of one that git does not take: what it says."""

    @property
    def ok(self) -> bool:
        """Whether git takes it."""
        return self.state in ("good", "unknown-trust")


def find_signature(kind: Literal["commit", "tag"], data: bytes) -> SignatureKind | Literal["other"] | None:
    """Return of which kind the signature in a commit or a tag is; None when there is none.  Pure."""
    head, _, body = data.partition(b"\n\n")
    for line in head.split(b"\n"):
        if line.startswith(_HEADERS):
            return _ARMORS.get(line.partition(b" ")[2].strip(), "other")
    if kind == "tag":
        for line in body.split(b"\n"):
            if line in _ARMORS:
                return _ARMORS[line]
    return None


def check_signature(git: Git, kind: Literal["commit", "tag"], oid: str, data: bytes) -> Signature:
    """Have git check the signature of a commit or a tag.

    Args:
        oid: its whole name.
        data: the object itself.

    One process, and what it starts.
    """
    found = find_signature(kind, data)
    if found is None:
        return Signature("none", message="there is no signature")
    output = without_replacements(git).ask(f"verify-{kind}", "--raw", oid)
    return read_output(output, None if found == "other" else found)


def read_output(output: Output, kind: SignatureKind | None) -> Signature:
    """Return what git said, as a value.  Pure."""
    lines = output.stderr.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    # git advises against grafts: of them it is told that there are none.
    text = "\n".join(line for line in lines if not line.startswith("hint:"))
    if kind == "ssh":
        return _read_ssh(text, output)
    return _read_gnupg(text, output, kind)


def _read_ssh(text: str, output: Output) -> Signature:
    found = _SSH.search(text)
    if found is not None and output.status == 0 and found[1]:
        return Signature("good", "ssh", found[1], found[3])
    fingerprint = found[3] if found is not None else None
    if "incorrect signature" in text:
        state: SignatureState = "bad"
    elif "allowedSignersFile" in text or "No such file" in text:
        state = "unchecked"
    elif found is not None and found[1] is None:
        state = "unknown-key"
    elif "revoked" in text:
        state = "revoked-key"
    else:
        # A key that is revoked, or a signature of something else: OpenSSH says the same of both.
        state = "bad" if "Could not verify signature" in text else "unchecked"
    return Signature(state, "ssh", None, fingerprint, message=_message(text, output))


def _read_gnupg(text: str, output: Output, kind: SignatureKind | None) -> Signature:
    said: dict[str, str] = {}
    for match in _STATUS.finditer(text):
        said[match[1]] = match[2] or ""
    states = [state for word, state in _SAID.items() if word in said]
    trust = next((word[6:].lower() for word in said if word.startswith("TRUST_")), None)
    signer = next((said[word].partition(" ")[2] for word in _SAID if word in said and word != "ERRSIG"), None)
    valid = said.get("VALIDSIG", "").split()
    fingerprint = valid[0] if valid else _key_of(said)
    state: SignatureState = "unchecked"
    if output.status == 0 and states == ["good"]:
        state = _state_of_trust(trust)
    elif states == ["good"]:
        state = "low-trust"
    elif len(states) == 1:
        state = states[0]
        if state == "unknown-key" and said["ERRSIG"].split()[5:6] != [_NO_PUBLIC_KEY]:
            state = "unchecked"
    elif states:
        state = "bad"
    message = "" if state in ("good", "unknown-trust") else _message(text, output)
    return Signature(state, kind, signer or None, fingerprint, trust, message)


def _state_of_trust(trust: str | None) -> SignatureState:
    if trust in ("marginal", "fully", "ultimate"):
        return "good"
    # git takes `never` unless `gpg.minTrustLevel` says more; whoever set that has said what they mean.
    return "low-trust" if trust == "never" else "unknown-trust"


def _key_of(said: dict[str, str]) -> str | None:
    """The key of a signature that is not good: its fingerprint if it is told, else its number."""
    for word in _SAID:
        if word in said:
            words = said[word].split()
            # The last word of an ERRSIG is the fingerprint, or a dash.
            told = words[-1:] if word == "ERRSIG" and len(words) > 6 and words[-1] != "-" else words[:1]
            return told[0] if told else None
    return None


def _message(text: str, output: Output) -> str:
    """What was said that is meant for people, in one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("[GNUPG:]", 'Good "git" signature'))]
    return "; ".join(line.removeprefix("error: ") for line in told) or f"git ended with {output.status}"
