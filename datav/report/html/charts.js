// Draws the charts with Vega-Lite: each when it comes near the window, all of them before the page is printed.
//
// Colours are custom properties of CSS, so light, dark and paper need no drawing anew.  Expressions are
// interpreted (`ast`), because the page forbids to make code from text.
(() => {
  "use strict";

  const css = (name) => `var(--${name})`;

  const config = {
    aria: false, // the element around the chart says what it shows
    background: null,
    font: "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
    view: { stroke: null },
    axis: {
      domainColor: css("line"),
      tickColor: css("line"),
      gridColor: css("grid"),
      labelColor: css("soft"),
      labelFontSize: 10.5,
      labelOverlap: true,
      title: null,
      tickSize: 4,
    },
  };

  const shares = { format: "~%", tickCount: 3, domain: false, ticks: false };

  const percent = (share) => `${(share * 100).toPrecision(3)} %`;

  function sideTooltips(hasAfter) {
    const field = (name, title) => ({ field: name, type: "nominal", title });
    return hasAfter ? [field("beforeText", "before"), field("afterText", "after")] : [field("beforeText", "share")];
  }

  const LAST_DATE = 8.64e15; // what dates of browsers can be

  function histogram(chart) {
    const { edges, before, after } = chart;
    const ends = [edges[0], edges[edges.length - 1]];
    const reach = Math.max(...ends.map(Math.abs));
    // Where differences overflow or the calendar ends, the shape is all that can be drawn.
    const isOdd = !Number.isFinite(ends[1] - ends[0]) || (chart.time && reach > LAST_DATE);
    const isTime = Boolean(chart.time) && !isOdd;
    const place = (edge) => (isOdd ? edge / reach : edge);
    const bins = before.map((share, n) => ({
      left: place(edges[n]),
      right: place(edges[n + 1]),
      low: edges[n],
      high: edges[n + 1],
      before: share,
      beforeText: percent(share),
      ...(after ? { afterText: percent(after[n]) } : {}),
    }));
    // The outline goes up at the first edge and down at the last.
    const steps = after ? [[ends[0], 0], ...after.map((share, n) => [edges[n], share]), [ends[1], 0]] : [];
    const type = isTime ? "temporal" : "quantitative";
    const isLarge = !isTime && reach >= 1e5 && ends[1] - ends[0] > reach / 50;
    const x = {
      field: "left",
      type,
      // Times are not compared with numbers; their bins span the same range.
      scale: isTime ? { type: "utc", nice: false } : { domain: ends.map(place), nice: false, zero: false },
      axis: {
        grid: false,
        labels: !isOdd,
        tickCount: { signal: "max(2, floor(width / 70))" },
        ...(isLarge ? { format: "~s" } : {}),
      },
    };
    const top = Math.max(...before, ...(after ?? [])) || 1;
    const y = { type: "quantitative", scale: { domain: [0, top] }, axis: shares, stack: null };
    const format = isTime ? { timeUnit: "utcyearmonthdatehoursminutes" } : { format: ".6~g" };
    const layer = [
      {
        mark: {
          type: "rect",
          color: css(after ? "before" : "only"),
          stroke: css("panel"),
          strokeWidth: before.length > 60 ? 0 : 0.75,
        },
        encoding: { x, x2: { field: "right" }, y: { ...y, field: "before" }, y2: { datum: 0 } },
      },
    ];
    if (after) {
      layer.push({
        data: { values: steps.map(([edge, share], order) => ({ edge: place(edge), share, order })) },
        mark: {
          type: "area",
          interpolate: "step-after",
          color: css("after"),
          fillOpacity: 0.16,
          line: { color: css("after"), strokeWidth: 1.75 },
        },
        encoding: {
          x: { ...x, field: "edge" },
          y: { ...y, field: "share" },
          order: { field: "order", type: "quantitative" },
        },
      });
    }
    layer.push({
      // Bins without anything in them have a tooltip too.
      name: "hover",
      mark: { type: "rect", opacity: 0, tooltip: true },
      encoding: {
        x,
        x2: { field: "right" },
        tooltip: [
          { field: "low", title: "from", type, ...format },
          { field: "high", title: "to", type, ...format },
          ...sideTooltips(Boolean(after)),
        ],
      },
    });
    return { data: { values: bins }, layer };
  }

  function bars(chart) {
    const sides = chart.after ? ["before", "after"] : ["before"];
    const values = chart.labels.flatMap((label, place) =>
      sides.map((side) => ({
        place,
        label,
        side,
        share: chart[side][place],
        beforeText: percent(chart.before[place]),
        ...(chart.after ? { afterText: percent(chart.after[place]) } : {}),
      })),
    );
    const bySide = (range) => ({ field: "side", type: "nominal", legend: null, scale: { domain: sides, range } });
    // Filled is before and outlined is after, as in histograms: who sees no colours sees which is which.
    const looks = chart.after
      ? {
          fill: bySide([css("before"), css("after")]),
          fillOpacity: { condition: { test: "datum.side === 'after'", value: 0.16 }, value: 1 },
          stroke: bySide([css("before"), css("after")]),
        }
      : { color: { value: css("only") } };
    const encoding = {
      y: {
        field: "place",
        type: "ordinal",
        scale: { paddingInner: 0.28, paddingOuter: 0.1 },
        // By place, because two labels may look alike.
        axis: { labelExpr: "labels[datum.value]", labelLimit: 130, labelPadding: 5, labelOverlap: false, ticks: false, domain: false },
      },
      x: { field: "share", type: "quantitative", axis: { ...shares, grid: true } },
      tooltip: [{ field: "label", type: "nominal", title: "category" }, ...sideTooltips(Boolean(chart.after))],
    };
    if (chart.after) {
      encoding.yOffset = { field: "side", type: "nominal", sort: sides };
    }
    return {
      params: [{ name: "labels", value: chart.labels }],
      data: { values },
      mark: { type: "bar", strokeWidth: 1.5 },
      encoding: { ...encoding, ...looks },
    };
  }

  const widths = new WeakMap();

  // Asked of the card and not of the chart, which the browser may not have laid out yet: it would do so for
  // every chart that is asked for.  0 wide is what a filter hides.
  function size(element) {
    const card = element.closest(".card");
    const { paddingLeft, paddingRight } = getComputedStyle(card);
    return {
      width: Math.floor(card.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight)),
      height: parseInt(element.style.getPropertyValue("--h"), 10),
    };
  }

  /** Draw the chart of `element`, if it is not yet drawn in this width. */
  function draw(element, { width, height }) {
    if (width < 40 || widths.get(element) === width) return;
    widths.set(element, width);
    const chart = JSON.parse(element.dataset.chart);
    const spec = {
      ...(chart.edges ? histogram(chart) : bars(chart)),
      width,
      height,
      autosize: { type: "fit", contains: "padding" },
      padding: { left: 0, top: 4, right: 6, bottom: 0 },
      config,
    };
    // In an element of its own, because Vega says of the one it gets what it is, and that is said already.
    const inside = document.createElement("div");
    element.replaceChildren(inside);
    window.vegaEmbed(inside, spec, {
      mode: "vega-lite",
      renderer: "svg",
      ast: true,
      actions: false,
      defaultStyle: false,
      tooltip: { disableDefaultStyle: true },
    });
  }

  const charts = [...document.querySelectorAll(".chart")];

  // One chart a frame at most: who scrolls does not wait.
  const waiting = new Set();
  function drawNext() {
    const [element] = waiting;
    if (element === undefined) return;
    waiting.delete(element);
    draw(element, size(element));
    if (waiting.size > 0) setTimeout(drawNext);
  }

  const observer = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) {
          waiting.delete(entry.target);
          continue;
        }
        if (waiting.size === 0) setTimeout(drawNext);
        waiting.add(entry.target);
      }
    },
    { rootMargin: "400px 0px" },
  );
  for (const element of charts) observer.observe(element);

  let resized = 0;
  window.addEventListener("resize", () => {
    clearTimeout(resized);
    resized = setTimeout(() => {
      for (const element of charts) {
        observer.unobserve(element);
        observer.observe(element);
      }
    }, 150);
  });

  // Vega works in promises that wait for nothing from outside, so it is done before the browser goes on.
  window.addEventListener("beforeprint", () => {
    waiting.clear();
    // First all sizes, then all drawings: a size asked for in between has the browser lay out everything again.
    const missing = charts.filter((element) => !widths.has(element)).map((element) => [element, size(element)]);
    for (const [element, space] of missing) draw(element, space);
  });
})();
