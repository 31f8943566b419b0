"""A comment on a pull request as GitHub shows it: the rules of its page that decide how wide things are."""

from markdown_it import MarkdownIt

# Of github.com's own style for Markdown, July 2025, as far as it is about layout.
_STYLE = """
body { margin: 0; padding: 16px; box-sizing: border-box; color: #1f2328; background: #fff;
  font: 14px/1.5 -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; }
.markdown-body { max-width: 880px; margin: 0 auto; overflow-wrap: break-word; }
h2, h3, h4 { margin: 24px 0 16px; line-height: 1.25; }
h2 { padding-bottom: .3em; font-size: 1.5em; border-bottom: 1px solid #d1d9e0; }
h3 { font-size: 1.25em; }
p, table, details, ul { margin: 0 0 16px; }
table { display: block; width: max-content; max-width: 100%; overflow: auto;
  border-spacing: 0; border-collapse: collapse; }
th, td { padding: 6px 13px; border: 1px solid #d1d9e0; text-align: left; }
tr:nth-child(2n) { background: #f6f8fa; }
code { padding: .2em .4em; font-size: 85%; white-space: break-spaces; background: #818b981f;
  border-radius: 6px; font-family: ui-monospace, Menlo, Consolas, "Liberation Mono", monospace; }
"""


def rendered(markdown: str) -> str:
    """Return a page with a comment, HTML in it included, as Markdown lets it in."""
    body = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>comment</title><style>{_STYLE}</style></head>"
        f'<body><article class="markdown-body">{body}</article></body></html>'
    )
