"""datav demo"""


def demo() -> None:
    """Show the main job on data made for it."""
