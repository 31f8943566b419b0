"""Results to one HTML file that opens anywhere: a page model, and what draws it.

`model` says what is on a page, `page.render_page` makes the file.  Neither knows the results of datav.
"""
