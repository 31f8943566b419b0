"""verify --signed: text and JSON."""

from collections.abc import Iterator
from typing import Any

from datav.git.signatures import Signature, SignatureState
from datav.relpath import one_line, show_path
from datav.repo.signed import SignedDataset, SignedVerification
from datav.report.style import Style, columns, count, seconds, size

_SHOWN = 50
_SHOWN_FAULTS = 5

_WORDS: dict[SignatureState, str] = {
    "good": "good",
    "unknown-trust": "good, but nobody said that the key is theirs",
    "low-trust": "by a key that is not trusted enough",
    "unknown-key": "by a key that nobody vouches for",
    "bad": "bad: this is not what was signed, or not by that key",
    "expired": "expired",
    "expired-key": "by a key that has expired",
    "revoked-key": "by a key that was revoked",
    "unchecked": "git could not check it",
    "none": "there is none",
}
_ADVICE: dict[SignatureState, str] = {
    "unknown-trust": "`gpg.minTrustLevel` of git's says how much trust is enough",
    "low-trust": "`gpg.minTrustLevel` of git's says how much trust is enough",
    "unknown-key": "if you know whose key it is: the file that `git config gpg.ssh.allowedSignersFile` names,"
    " or your keyring, lists those who may sign",
    "unchecked": "`git verify-commit` has to work; with SSH, `gpg.ssh.allowedSignersFile` has to be set",
    "none": "`git commit -S` signs a commit, `git tag -s` a tag that names one",
}
_KINDS = {"openpgp": "OpenPGP", "ssh": "SSH", "x509": "X.509", None: "unknown"}


def signed_json(result: SignedVerification, elapsed_s: float) -> dict[str, Any]:
    signature, objects = result.signature, result.objects
    return {
        "format": 1,
        "ok": result.ok,
        "rev": result.rev,
        "commit": result.commit,
        "signature": {
            "ok": signature.ok,
            "on": result.signed,
            "tag": result.tag,
            "state": signature.state,
            "kind": signature.kind,
            "signer": signature.signer,
            "key": signature.fingerprint,
            "trust": signature.trust,
            "message": signature.message,
        },
        "git": {
            "hash": objects.hash,
            "commits": objects.commits,
            "tags": objects.tags,
            "trees": objects.trees,
            "files": objects.blobs,
            "broken": [{"where": link.where, "what": link.what} for link in objects.broken],
        },
        "read": result.was_read,
        "datasets": [_dataset_json(dataset) for dataset in result.datasets],
        "files": sum(dataset.files for dataset in result.datasets),
        "bytes": sum(dataset.bytes for dataset in result.datasets),
        "nodes": result.nodes,
        "remote": result.remote,
        "bytes_from_remote": result.bytes_from_remote,
        "seconds": round(elapsed_s, 3),
    }


def _dataset_json(dataset: SignedDataset) -> dict[str, Any]:
    return {
        "path": dataset.path.text,
        "ok": dataset.ok,
        "kind": dataset.kind,
        "id": dataset.id,
        "files": dataset.files,
        "bytes": dataset.bytes,
        "chunks": dataset.chunks,
        "profile": dataset.profile,
        "damaged": dataset.damaged,
        "missing": dataset.missing,
        "faults": [
            {"kind": fault.kind, "path": show_path(fault.path) if fault.path else None, "what": fault.what}
            for fault in dataset.faults
        ],
    }


def signed_text(result: SignedVerification, style: Style, elapsed_s: float) -> str:
    lines = [*_signature_lines(result, style), *_object_lines(result, style)]
    if not result.was_read:
        lines.append("data:       not read, for nobody stands for what it should be")
    else:
        lines += _data_lines(result, style, elapsed_s)
    if result.ok:
        lines.append(style.good("every byte is what was signed"))
    else:
        lines.append(style.bad("the chain from the signature to the data is broken"))
        lines += [style.faint(f"next: {advice}") for advice in _advice(result)]
    return "\n".join(lines)


def _signature_lines(result: SignedVerification, style: Style) -> Iterator[str]:
    signature = result.signature
    of_what = f"commit {result.commit[:10]}" if result.commit else result.rev
    if result.tag is not None:
        of_what = f"tag {one_line(result.tag)}, which names {of_what}"
    paint = style.good if signature.state == "good" else style.warn if signature.ok else style.bad
    yield f"signature:  {paint(_WORDS[signature.state])}; of {of_what}"
    if signature.signer or signature.fingerprint:
        yield f"            {_signer(signature)}"
    if signature.message and not signature.ok:
        yield f"            {one_line(signature.message)}"


def _signer(signature: Signature) -> str:
    parts = [one_line(signature.signer)] if signature.signer else []
    if signature.fingerprint:
        parts.append(f"{_KINDS[signature.kind]} key {signature.fingerprint}")
    if signature.trust is not None:
        parts.append(f"trust {signature.trust}")
    return ", ".join(parts)


def _object_lines(result: SignedVerification, style: Style) -> Iterator[str]:
    objects = result.objects
    counts = [
        (objects.tags, "tag"),
        (objects.commits, "commit"),
        (objects.trees, "tree"),
        (objects.blobs, "file"),
    ]
    told = ", ".join(count(number, word) for number, word in counts if number)
    yield f"git:        {told or 'nothing'} hashed anew ({objects.hash})"
    for link in objects.broken[:_SHOWN]:
        yield style.bad(one_line(f"            {link.where}: {link.what}"))
    if len(objects.broken) > _SHOWN:
        yield f"            and {len(objects.broken) - _SHOWN} more"


def _data_lines(result: SignedVerification, style: Style, elapsed_s: float) -> Iterator[str]:
    total = sum(dataset.bytes for dataset in result.datasets)
    # With tree nodes and profiles, so it may be more than what was read of the files.
    far = f", {size(result.bytes_from_remote)} came from {result.remote}" if result.remote else ""
    what = f"{count(len(result.datasets), 'dataset')}, {size(total)} read{far}"
    yield f"data:       {what}, in {seconds(elapsed_s)}"
    # What is wrong comes first, whatever is cut off.
    ordered = sorted(result.datasets, key=lambda dataset: dataset.ok)
    rows = [_row(dataset) for dataset in ordered[:_SHOWN]]
    for dataset, line in zip(ordered, columns(rows), strict=False):
        yield f"  {line}" if dataset.ok else style.bad(f"  {line}")
        yield from _fault_lines(dataset)
    if len(ordered) > _SHOWN:
        yield f"  and {len(ordered) - _SHOWN} more"


def _row(dataset: SignedDataset) -> tuple[str, ...]:
    wrong = [f"{count(number, 'part')} {word}" for number, word in _wrong(dataset) if number]
    profile = ", with its profile" if dataset.profile else ""
    verdict = ", ".join(wrong) if wrong else f"sound{profile}"
    return str(dataset.path), count(dataset.files, "file"), size(dataset.bytes), verdict


def _wrong(dataset: SignedDataset) -> tuple[tuple[int, str], ...]:
    return (dataset.damaged, "damaged"), (dataset.missing, "missing")


def _fault_lines(dataset: SignedDataset) -> Iterator[str]:
    for fault in dataset.faults[:_SHOWN_FAULTS]:
        where = f"{show_path(fault.path)}: " if fault.path else ""
        yield f"    {where}{one_line(fault.what)}"
    hidden = dataset.damaged + dataset.missing - min(_SHOWN_FAULTS, len(dataset.faults))
    if hidden > 0:
        yield f"    and {hidden} more"


def _advice(result: SignedVerification) -> Iterator[str]:
    if not result.signature.ok:
        if result.signature.state in _ADVICE:
            yield _ADVICE[result.signature.state]
        return
    if result.objects.broken:
        yield "`git fsck` looks at all of git's objects; a fresh clone has good ones"
    if any(dataset.damaged for dataset in result.datasets):
        yield "`datav repair` fetches good copies of what is damaged"
    if any(dataset.missing for dataset in result.datasets):
        where = "`datav push` from a clone that has the data" if result.has_remote else "`datav remote add`"
        yield f"{where}: what is missing is neither here nor on a remote"


def signed_warning(result: SignedVerification) -> str | None:
    """Return what is to be said of a signature that passes and could be worth more."""
    if result.signature.state != "unknown-trust":
        return None
    return (
        "the signature is good, and nobody said that its key is theirs: "
        "`git config gpg.minTrustLevel marginal` refuses such keys"
    )
