// The filter of columns, the search in rows, and the keys.
(() => {
  "use strict";

  const plural = (number, one) => `${number.toLocaleString("en")} ${one}${number === 1 ? "" : "s"}`;
  const found = (shown, all, one) =>
    shown === all ? plural(all, one) : `${shown.toLocaleString("en")} of ${plural(all, one)}`;

  /** Call `action` when somebody pauses typing. */
  function whenTyped(input, action) {
    let timer = 0;
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(action, 80);
    });
  }

  function columns(section) {
    const input = section.querySelector(".tools input");
    const select = section.querySelector(".tools select");
    const output = section.querySelector(".tools output");
    const none = section.querySelector(".none");
    const ranks = section.querySelectorAll(".ranking tbody tr");
    const cards = [...section.querySelectorAll(".card")].map((card, place) => ({
      elements: [card, ranks[place]],
      verdict: card.dataset.verdict,
      text: `${card.querySelector(".name").textContent}\n${card.querySelector(".type").textContent}`.toLowerCase(),
    }));

    function filter() {
      const wanted = input.value.trim().toLowerCase();
      const verdict = select?.value ?? "";
      let shown = 0;
      for (const card of cards) {
        const fits = card.text.includes(wanted) && (verdict === "" || card.verdict === verdict);
        for (const element of card.elements) element.hidden = !fits;
        shown += fits;
      }
      output.textContent = found(shown, cards.length, "column");
      none.hidden = shown > 0;
    }

    whenTyped(input, filter);
    select?.addEventListener("change", filter);
    // A browser that goes back fills in what was typed, and says nothing.
    if (input.value || select?.value) filter();
  }

  function rows(section) {
    const input = section.querySelector(".tools input[type=search]");
    const boxes = [...section.querySelectorAll(".tools input[type=checkbox]")];
    const output = section.querySelector(".tools output");
    const more = section.querySelector(".more");
    const none = section.querySelector(".none");
    const table = section.querySelector("table");
    const body = table.tBodies[0];
    const step = Number(table.dataset.step);
    const all = [...body.rows, ...section.querySelector("template").content.children];
    let texts = null;
    let fitting = all;

    function show(count) {
      body.replaceChildren(...fitting.slice(0, count));
      tell();
    }

    function tell() {
      const hidden = fitting.length - body.rows.length;
      output.textContent = found(fitting.length, all.length, "row");
      more.hidden = hidden === 0;
      more.textContent = `Show more: ${body.rows.length.toLocaleString("en")} of ${plural(fitting.length, "row")} are here`;
      none.hidden = fitting.length > 0;
    }

    function search() {
      const wanted = input.value.trim().toLowerCase();
      const ops = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
      texts ??= all.map((row) => [...row.cells].slice(1).map((cell) => cell.textContent).join("\n").toLowerCase());
      fitting = all.filter((row, place) => ops.has(row.className) && texts[place].includes(wanted));
      show(step);
    }

    whenTyped(input, search);
    for (const box of boxes) box.addEventListener("change", search);
    more.addEventListener("click", () => {
      const from = body.rows.length;
      show(from + Math.max(step, 200));
      if (more.hidden) table.parentElement.focus();
    });
    if (input.value || boxes.some((box) => !box.checked)) search();
    else tell();
  }

  for (const section of document.querySelectorAll("section.columns")) columns(section);
  for (const section of document.querySelectorAll("section.changes")) rows(section);

  // On paper a wide row is a list, in which each value has the name of its column.
  window.addEventListener("beforeprint", () => {
    for (const table of document.querySelectorAll(".rows table")) {
      const names = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
      table.classList.toggle("wide", names.length > 9);
      for (const row of table.tBodies[0].rows) {
        [...row.cells].forEach((cell, place) => (cell.dataset.name = names[place]));
      }
    }
  });

  // `/` goes to the next search field below the top of the window, or to the last one.
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, select, textarea");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const fields = [...document.querySelectorAll(".tools input[type=search]")];
    const next = fields.find((field) => field.closest("section").getBoundingClientRect().bottom > 80) ?? fields.at(-1);
    if (next === undefined) return;
    event.preventDefault();
    next.focus();
    next.select();
  });
})();
