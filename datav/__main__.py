"""`python -m datav`."""

from datav.cli.main import run

if __name__ == "__main__":
    run()
