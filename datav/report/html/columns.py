"""Columns on the page: the ranked list, the filter, the cards; and changes of the schema."""

from collections import Counter

from datav.report.html.charts import chart_html
from datav.report.html.markup import isolated, optional, paragraphs, plural, scroll_box, shown
from datav.report.html.model import ColumnCard, Columns, Fact, Schema, SchemaChange, Verdict

# Told by a sign and a word; colour only helps.
_SIGNS: dict[Verdict, str] = {"broken": "✕", "shifted": "▲", "stable": "✓"}


def columns_html(section: Columns, place: str, sides: tuple[str, str] | None, level: int) -> str:
    """The inside of the section; `place` begins the ids of its cards, `level` is that of their headings."""
    cards = "".join(
        _card(card, f"{place}-{number}", sides, level) for number, card in enumerate(section.cards, 1)
    )
    return (
        f"{_verdicts(section)}{_legend(sides)}{_tools(section, place)}{_ranking(section, place)}"
        f'<div class="cards">{cards}</div><p class="none" hidden>No column is like that.</p>'
    )


def schema_html(section: Schema) -> str:
    """The inside of the section: a line for each change."""
    heads = "".join(f"<th scope=col>{head}" for head in ("change", "column", "before", "after", ""))
    lines = "".join(map(_schema_line, section.changes))
    table = f"<table><thead><tr>{heads}</thead><tbody>{lines}</tbody></table>"
    return scroll_box(table, section.title)


def facts_html(facts: tuple[Fact, ...], sides: tuple[str, str] | None) -> str:
    """A table of facts; nothing for none."""
    if not facts:
        return ""
    has_after = any(fact.after is not None for fact in facts)
    has_note = any(fact.note for fact in facts)
    head = ""
    if has_after and sides is not None:
        last = "<td></td>" * has_note
        head = f"<thead><tr><td></td><th scope=col>before</th><th scope=col>after</th>{last}</tr></thead>"
    lines = "".join(_fact(fact, has_after, has_note) for fact in facts)
    return f'<table class="facts">{head}<tbody>{lines}</tbody></table>'


def verdict_html(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    return (
        f'<span class="verdict {verdict}"><span aria-hidden="true">{_SIGNS[verdict]}</span> {verdict}</span>'
    )


def _verdicts(section: Columns) -> str:
    """How many columns got which verdict, as one reads it first."""
    counts = Counter(card.verdict for card in section.cards)
    words = [
        f"<span>{verdict_html(verdict)} {counts[verdict]:,}</span>" for verdict in _SIGNS if counts[verdict]
    ]
    return f'<p class="verdicts">{" ".join(words)}</p>' if words else ""


def _legend(sides: tuple[str, str] | None) -> str:
    if sides is None:
        return ""
    before, after = sides
    return (
        f'<p class="legend"><span><i class="swatch before"></i>before: {isolated(before)}</span> '
        f'<span><i class="swatch after"></i>after: {isolated(after)}</span></p>'
    )


def _tools(section: Columns, place: str) -> str:
    counts = Counter(card.verdict for card in section.cards if card.verdict is not None)
    choice = ""
    if counts:
        options = "".join(
            f'<option value="{verdict}">{verdict} ({counts[verdict]:,})</option>'
            for verdict in _SIGNS
            if counts[verdict]
        )
        choice = (
            f'<label>Verdict <select><option value="">all ({len(section.cards):,})</option>'
            f"{options}</select></label>"
        )
    return (
        f'<div class="tools" role="search" aria-label="Filter columns"><label>Columns '
        f'<input type="search" id="{place}-find" placeholder="name or type" autocomplete="off" '
        f'spellcheck="false" aria-keyshortcuts="/"></label>{choice}'
        f'<output for="{place}-find">{plural(len(section.cards), "column")}</output></div>'
    )


def _ranking(section: Columns, place: str) -> str:
    judged = any(card.verdict is not None for card in section.cards)
    scored = any(card.score for card in section.cards)
    heads = "<th scope=col>#<th scope=col>column<th scope=col class=wide>type"
    heads += "<th scope=col>verdict" * judged + "<th scope=col>score" * scored
    lines = "".join(
        _rank(card, number, f"{place}-{number}", judged, scored)
        for number, card in enumerate(section.cards, 1)
    )
    table = f"<table><thead><tr>{heads}<th scope=col>summary</thead><tbody>{lines}</tbody></table>"
    return scroll_box(table, f"{section.title}, ranked", "ranking")


def _rank(card: ColumnCard, number: int, place: str, judged: bool, scored: bool) -> str:
    cells = f"<td>{verdict_html(card.verdict)}" * judged + f"<td class=score>{shown(card.score)}" * scored
    return (
        f'<tr><td class=rank>{number:,}<th scope=row><a href="#{place}">{_name(card.name)}</a>'
        f"<td class=wide>{shown(card.type)}{cells}<td class=summary>{shown(card.summary)}"
    )


def _card(card: ColumnCard, place: str, sides: tuple[str, str] | None, level: int) -> str:
    chart = "" if card.chart is None else chart_html(card.chart, card.name)
    heading = f'<h{level} class="name"><a href="#{place}">{_name(card.name)}</a></h{level}>'
    type_ = f'<span class="type">{shown(card.type)}</span>'
    score = optional("span", card.score, "score")
    return (
        f'<article class="card" id="{place}" data-verdict="{card.verdict or ""}">'
        f"<header>{heading}{type_}{verdict_html(card.verdict)}{score}</header>"
        f"{chart}{facts_html(card.facts, sides)}{paragraphs(card.notes, 'note')}</article>"
    )


def _name(name: str) -> str:
    """A name is a link, and a link without a text cannot be followed."""
    return isolated(name) if name.strip() else f"<i>{shown(repr(name))}</i>"


def _fact(fact: Fact, has_after: bool, has_note: bool) -> str:
    strong = ' class="notable"' if fact.is_notable else ""
    after = f"<td>{isolated(fact.after or '')}" * has_after
    note = f"<td class=remark>{shown(fact.note)}" * has_note
    return f"<tr{strong}><th scope=row>{shown(fact.label)}<td>{isolated(fact.before or '')}{after}{note}"


def _schema_line(change: SchemaChange) -> str:
    kind = f"<span class='op {change.kind}'>{change.kind}</span>"
    cells = f"<td>{isolated(change.before)}<td>{isolated(change.after)}<td>{shown(change.note)}"
    return f"<tr><td>{kind}<th scope=row>{_name(change.column)}{cells}"
