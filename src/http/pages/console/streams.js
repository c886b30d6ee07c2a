// The live streams: what they carry, who watches, and what came of each layer.

import { chip, el, say } from "./act.js";
import { get } from "./api.js";
import { codecLabel } from "../page.js";
import { table, text } from "./table.js";
import { bits, count, plural, span } from "./words.js";

/** Streams that are shown; the filter finds the others. */
const LIMIT = 200;
const STATES = { live: ["Live", "good"], announced: ["Announced", "wait"], away: ["Publisher away", "wait"], ended: ["Ended", "off"] };

export function streams(shared, _, wish) {
  const filter = el("input", { type: "search", id: "stream-filter", placeholder: "A part of the name", value: wish.get("q") ?? "" });
  const found = el("p", { className: "count", role: "status" });
  const empty = el("p", { className: "empty help", hidden: true });
  const list = table(
    "Streams",
    [
      {
        name: "Stream",
        by: ({ name }) => name,
        make: (cell, { name }) => cell.append(el("strong", { textContent: name })),
      },
      {
        name: "State",
        by: ({ state }) => state,
        make: (cell) => cell.append(chip()),
        paint: (cell, { state }) => cell.firstChild.tell(...(STATES[state] ?? [state, "wait"])),
      },
      text("Carries", carries),
      text("Layers", layers),
      text("Bitrate", ({ bitrate_bps: rate }) => bits(rate), { number: true, by: ({ bitrate_bps: rate }) => rate }),
      text("Viewers", ({ viewers }) => count(viewers), { number: true, by: ({ viewers }) => viewers }),
      text("Live for", ({ started }) => span(Date.now() - Date.parse(started)), { number: true, by: ({ started }) => -Date.parse(started) }),
      {
        name: "Sessions",
        hidden: true,
        make: (cell, { name }) => cell.append(el("a", { href: `#/sessions?stream=${encodeURIComponent(name)}`, textContent: "Sessions", "aria-label": `Sessions of ${name}` })),
      },
    ],
    ({ name }) => name,
  );
  const element = el(
    "section",
    {},
    el("div", { className: "title-row" }, el("h1", { tabIndex: -1, textContent: "Streams" }), found),
    el("div", { className: "filters" }, el("label", { for: "stream-filter", textContent: "Filter" }), filter),
    list.element,
    empty,
  );
  filter.addEventListener("input", () => shared.refresh());
  return {
    element,
    async refresh(signal) {
      const q = filter.value.trim();
      const answer = await get(`/api/v1/streams?${new URLSearchParams({ limit: LIMIT, ...(q ? { q } : {}) })}`, { signal });
      list.paint(answer.streams);
      list.element.hidden = answer.streams.length === 0;
      empty.hidden = answer.streams.length > 0;
      say(empty, q ? "No stream has that in its name." : "Nobody publishes now.");
      const more = answer.next ? `, the first ${answer.streams.length} are shown` : "";
      say(found, `${plural(answer.total, "stream")}${more}`);
    },
  };
}

function carries({ tracks, width, height }) {
  const size = height ? `${width}×${height}` : "";
  return [size, ...tracks.map(({ codec }) => codecLabel(codec))].filter(Boolean).join(" · ") || "–";
}

/** Renditions of simulcast, layers of one picture. */
function layers({ renditions, layers: within }) {
  const one = ({ rid, width, height, bitrate_bps: rate, active, viewers }) =>
    `${rid}${height ? ` ${width}×${height}` : ""}${active ? ` ${bits(rate)}` : " (not sent)"}, ${plural(viewers, "viewer")}`;
  if (renditions.length) return renditions.map(one).join("; ");
  return within.length > 1 ? within.map(({ name, bitrate_bps: rate }) => `${name} ${bits(rate)}`).join("; ") : "–";
}
