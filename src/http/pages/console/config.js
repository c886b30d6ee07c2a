// The configuration in force: each value, and where it came from. Secrets come masked.

import { el, say } from "./act.js";
import { get } from "./api.js";
import { count, sections, valueWords } from "./words.js";

export function config() {
  const filter = el("input", { type: "search", id: "config-filter", placeholder: "Key, value or source" });
  const set = el("input", { type: "checkbox", id: "config-set" });
  const found = el("p", { className: "count", role: "status" });
  const body = el("div", { className: "config" });
  const empty = el("p", { className: "empty help", hidden: true, textContent: "No key is like that." });
  const element = el(
    "section",
    {},
    el("div", { className: "title-row" }, el("h1", { tabIndex: -1, textContent: "Settings in force" }), found),
    el("div", { className: "filters" }, el("label", { for: "config-filter", textContent: "Filter" }), filter, el("label", { className: "check", for: "config-set" }, set, el("span", { textContent: "Only what was set" }))),
    body,
    empty,
  );
  let newest = "";
  let rows = [];
  const show = () => {
    const wanted = filter.value.trim().toLowerCase();
    let shown = 0;
    for (const { row, words, isDefault } of rows) {
      row.hidden = !words.includes(wanted) || (set.checked && isDefault);
      shown += !row.hidden;
    }
    for (const part of body.children) part.hidden = ![...part.querySelectorAll("tbody tr")].some((row) => !row.hidden);
    empty.hidden = shown > 0;
    say(found, `${count(shown)} of ${count(rows.length)} keys`);
  };
  filter.addEventListener("input", show);
  set.addEventListener("change", show);
  const paint = (all) => {
    rows = [];
    const parts = [...sections(all)].map(([section, keys]) => {
      const lines = keys.map(({ path, name, value, source }) => {
        const words = valueWords(value);
        const cell = (label, ...content) => el("td", { role: "cell", "data-label": label }, ...content);
        const row = el(
          "tr",
          { role: "row", "data-key": path },
          el("th", { scope: "row", role: "rowheader" }, el("code", { textContent: name })),
          cell("Value", el("code", { textContent: words, className: value === null ? "unset" : "" })),
          cell("From", el("span", { textContent: source })),
        );
        rows.push({ row, words: `${path} ${words} ${source}`.toLowerCase(), isDefault: /^(the )?(built-in )?default/i.test(source) });
        return row;
      });
      const head = el("tr", { role: "row" }, ...["Key", "Value", "From"].map((name) => el("th", { scope: "col", role: "columnheader", textContent: name })));
      return el(
        "section",
        { className: "panel" },
        el("h2", { textContent: section || "General" }),
        el("table", { role: "table", "aria-label": `Settings of ${section}` }, el("thead", { role: "rowgroup" }, head), el("tbody", { role: "rowgroup" }, ...lines)),
      );
    });
    body.replaceChildren(...parts);
    show();
  };
  return {
    element,
    async refresh(signal) {
      const all = await get("/api/v1/config", { signal });
      const text = JSON.stringify(all);
      // It seldom changes; what is unchanged keeps its selection.
      if (text === newest) return;
      newest = text;
      paint(all);
    },
  };
}
