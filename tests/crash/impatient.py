"""datav, waiting tenths of a second where it would wait seconds before it asks a remote again.

python -m tests.crash.impatient push
"""

import dataclasses

from datav.cli.main import run
from datav.storage import opening

PATIENCE = dataclasses.replace(opening.PATIENCE, first_s=0.05, longest_s=0.2)


def make_impatient() -> None:
    """All that is opened in this process from now on is asked again sooner."""
    defaults = opening.open_objects.__kwdefaults__
    assert defaults is not None
    defaults["patience"] = PATIENCE


if __name__ == "__main__":
    make_impatient()
    run()
