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

  function sharesOf(row) {
    const both = { before: row.before };
    return row.after === undefined ? both : { ...both, after: row.after };
  }

  const percent = (share) => `${(share * 100).toPrecision(3)} %`;

  function tooltips(hasAfter, head) {
    const field = (name, title) => ({ field: name, type: "nominal", title });
    return hasAfter
      ? [head, field("beforeText", "before"), field("afterText", "after")]
      : [head, field("beforeText", "share")];
  }

  function histogram(chart) {
    const { edges, before, after } = chart;
    const from = edges[0];
    const to = edges[edges.length - 1];
    const top = Math.max(...before, ...(after ?? []), 1e-9);
    const bins = before.map((share, n) => ({
      low: edges[n],
      high: edges[n + 1],
      before: share,
      beforeText: percent(share),
      ...(after ? { after: after[n], afterText: percent(after[n]) } : {}),
    }));
    // The outline goes up at the first edge and down at the last.
    const steps = after ? [[from, 0], ...after.map((share, n) => [edges[n], share]), [to, 0]] : [];
    const type = chart.time ? "temporal" : "quantitative";
    const large = !chart.time && Math.max(Math.abs(from), Math.abs(to)) >= 1e5 && to - from > Math.abs(to) / 50;
    const x = {
      field: "low",
      type,
      // Times are not compared with numbers; their bins span the same range.
      scale: chart.time ? { type: "utc", nice: false } : { domain: [from, to], nice: false, zero: false },
      axis: { grid: false, tickCount: { signal: "max(2, floor(width / 70))" }, ...(large ? { format: "~s" } : {}) },
    };
    const y = { type: "quantitative", scale: { domain: [0, top] }, axis: shares, stack: null };
    const format = chart.time ? { timeUnit: "utcyearmonthdatehoursminutes" } : { format: ".6~g" };
    const range = [
      { field: "low", title: "from", type, ...format },
      { field: "high", title: "to", type, ...format },
    ];
    const layer = [
      {
        mark: { type: "rect", color: css(after ? "before" : "only"), stroke: css("panel"), strokeWidth: 0.75 },
        encoding: { x, x2: { field: "high" }, y: { ...y, field: "before" }, y2: { datum: 0 } },
      },
    ];
    if (after) {
      layer.push({
        data: { values: steps.map(([edge, share], order) => ({ edge, share, order })) },
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
      mark: { type: "rect", opacity: 0, tooltip: true },
      encoding: {
        x,
        x2: { field: "high" },
        tooltip: [...range, ...tooltips(Boolean(after), range[0]).slice(1)],
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
    const label = { field: "label", type: "nominal", title: "category" };
    const encoding = {
      y: {
        field: "place",
        type: "ordinal",
        scale: { paddingInner: 0.28, paddingOuter: 0.1 },
        // By place, because two labels may look alike.
        axis: { labelExpr: "labels[datum.value]", labelLimit: 130, labelPadding: 5, labelOverlap: false, ticks: false, domain: false },
      },
      x: { field: "share", type: "quantitative", axis: { ...shares, grid: true } },
      tooltip: tooltips(Boolean(chart.after), label),
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

  function draw(element) {
    const width = Math.floor(element.clientWidth);
    if (width < 40 || widths.get(element) === width) return Promise.resolve();
    widths.set(element, width);
    const chart = JSON.parse(element.dataset.chart);
    const spec = {
      ...(chart.edges ? histogram(chart) : bars(chart)),
      width,
      height: Math.floor(element.clientHeight),
      autosize: { type: "fit", contains: "padding" },
      padding: { left: 0, top: 4, right: 6, bottom: 0 },
      config,
    };
    // In an element of its own, because Vega says of the one it gets what it is, and that is said already.
    const inside = document.createElement("div");
    element.replaceChildren(inside);
    return window.vegaEmbed(inside, spec, {
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
    draw(element);
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
    for (const element of charts) if (!widths.has(element)) draw(element);
  });
})();
