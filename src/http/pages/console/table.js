// A table that is painted in place: rows keep their elements, and so the focus; on a phone each row becomes a card.

import { el, keyed, say } from "./act.js";

/**
 * @param {string} label what the table is about, for those who hear it
 * @param {Array<{name: string, make?: Function, paint?: Function, by?: Function, number?: boolean}>} columns
 *   `make(cell, item)` fills a cell once, `paint(cell, item)` at each change; `by(item)` makes the column one to sort by
 */
export function table(label, columns, keyOf) {
  const body = el("tbody", { role: "rowgroup" });
  let order = null;
  let items = [];
  const heads = columns.map((column) => {
    const head = el("th", { scope: "col", role: "columnheader", className: column.number ? "number" : "" });
    if (!column.by) {
      head.append(column.hidden ? el("span", { className: "spoken", textContent: column.name }) : column.name);
      return head;
    }
    const sort = el("button", { type: "button", className: "sort", textContent: column.name });
    sort.addEventListener("click", () => {
      order = { column, down: order?.column === column ? !order.down : Boolean(column.number) };
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", order.down ? "descending" : "ascending");
      show();
    });
    head.append(sort);
    return head;
  });
  const row = (item) => {
    const cells = columns.map((column) => {
      const cell = el("td", { role: "cell", className: column.number ? "number" : "", "data-label": column.hidden ? "" : column.name });
      column.make?.(cell, item);
      return cell;
    });
    const element = el("tr", { role: "row" }, ...cells);
    return { element, paint: (now) => columns.forEach((column, at) => column.paint?.(cells[at], now)) };
  };
  const paint = keyed(body, keyOf, row);
  const show = () => {
    if (!order) return paint(items);
    const { by } = order.column;
    const compare = (a, b) => (typeof a === "string" || typeof b === "string" ? String(a ?? "").localeCompare(String(b ?? ""), "en", { numeric: true }) : (a ?? -1) - (b ?? -1));
    paint([...items].sort((a, b) => (order.down ? -1 : 1) * compare(by(a), by(b))));
  };
  const element = el(
    "table",
    { role: "table", "aria-label": label },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...heads)),
    body,
  );
  return {
    element,
    paint(now) {
      items = now;
      show();
    },
  };
}

/** A column that shows a text. */
export const text = (name, of, more = {}) => ({ name, paint: (cell, item) => say(cell, of(item)), ...more });
