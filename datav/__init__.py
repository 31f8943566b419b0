"""datav: versioning data as well as git versions code."""

__version__ = "0.1.0"
