// Who publishes and who watches, the end of a session by the operator, and the story of one.

import { button, chip, confirmed, does, el, facts, say, saying } from "./act.js";
import { get, send } from "./api.js";
import { codecLabel } from "../page.js";
import { story } from "./story.js";
import { table, text } from "./table.js";
import { bits, count, plural, Rates, span } from "./words.js";

/** Sessions that are shown at once; the filter and the pages show the others. */
const LIMIT = 100;
const STATES = { connected: ["Connected", "good"], connecting: ["Connecting", "wait"], pending: ["Waiting", "wait"], closed: ["Ended", "off"] };
const path = (id) => `/api/v1/sessions/${encodeURIComponent(id)}`;
const does_ = (action) => (action === "publish" ? "Publishes" : "Plays");
const who = ({ subject, client_address: address }) => subject ?? address;

const kickWords = (one) => ({
  title: `End the session of ${who(one)}?`,
  detail:
    one.action === "publish"
      ? `It publishes ${one.stream}: the stream ends, and its viewers are told so. Who has the right to publish may come again.`
      : `It plays ${one.stream}. The player shows that the session was ended; who has the right to play may come again.`,
  yes: "End the session",
});

export function sessions(shared, _, wish) {
  const filter = el("input", { type: "search", id: "session-filter", placeholder: "Stream, client, subject, id", value: wish.get("q") ?? "" });
  const action = el("select", { id: "session-action" }, el("option", { value: "", textContent: "All" }), el("option", { value: "publish", textContent: "Publishers" }), el("option", { value: "play", textContent: "Viewers" }));
  const only = el("p", { className: "only" });
  const found = el("p", { className: "count", role: "status" });
  const empty = el("p", { className: "empty help", hidden: true });
  const said = saying();
  const [first, next] = [button("First page"), button("Next page")];
  const stream = wish.get("stream") ?? "";
  const rates = new Rates();
  let after = "";
  let following = null;
  if (stream) only.append("Only of ", el("strong", { textContent: stream }), " · ", el("a", { href: "#/sessions", textContent: "Show all" }));

  const list = table(
    "Sessions",
    [
      {
        name: "Session",
        by: who,
        make: (cell, one) => cell.append(el("a", { href: `#/sessions/${encodeURIComponent(one.id)}`, className: "strong" }), el("br"), el("span", { className: "help" })),
        paint(cell, one) {
          say(cell.firstChild, who(one));
          say(cell.lastChild, one.subject ? one.client_address : one.protocol.toUpperCase());
        },
      },
      text("Stream", ({ stream }) => stream, { by: ({ stream }) => stream }),
      text("Does", ({ action }) => does_(action), { by: ({ action }) => action }),
      {
        name: "State",
        by: ({ state }) => state,
        make: (cell) => cell.append(chip()),
        paint: (cell, { state }) => cell.firstChild.tell(...(STATES[state] ?? [state, "wait"])),
      },
      text("Gets", gets),
      text("Bitrate", ({ rate }) => bits(rate), { number: true, by: ({ rate }) => rate }),
      text("Round trip", ({ rtt_ms: rtt }) => (rtt == null ? "–" : `${rtt.toFixed(rtt < 10 ? 1 : 0)} ms`), { number: true, by: ({ rtt_ms: rtt }) => rtt }),
      text("For", ({ created }) => span(Date.now() - Date.parse(created)), { number: true, by: ({ created }) => -Date.parse(created) }),
      {
        name: "End it",
        hidden: true,
        make(cell, one) {
          const end = button("Kick", "quiet small", `Kick ${who(one)}, ${one.stream}`);
          does(end, said, () => kick(one, shared));
          cell.append(end);
        },
      },
    ],
    ({ id }) => id,
  );
  const element = el(
    "section",
    {},
    el("div", { className: "title-row" }, el("h1", { tabIndex: -1, textContent: "Sessions" }), found),
    el("div", { className: "filters" }, el("label", { for: "session-filter", textContent: "Filter" }), filter, el("label", { for: "session-action", textContent: "Who" }), action),
    only,
    said,
    list.element,
    empty,
    el("div", { className: "actions pages" }, first, next),
  );
  const anew = () => {
    after = "";
    shared.refresh();
  };
  filter.addEventListener("input", anew);
  action.addEventListener("change", anew);
  first.addEventListener("click", anew);
  next.addEventListener("click", () => {
    after = following ?? "";
    shared.refresh();
  });
  return {
    element,
    async refresh(signal) {
      const wanted = { limit: LIMIT, q: filter.value.trim(), action: action.value, stream, after };
      const query = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value !== ""));
      const answer = await get(`/api/v1/sessions?${query}`, { signal });
      const now = performance.now();
      for (const one of answer.sessions) one.rate = bitsOf(rates, one, now);
      rates.keep(answer.sessions.map(({ id }) => id));
      list.paint(answer.sessions);
      list.element.hidden = answer.sessions.length === 0;
      empty.hidden = answer.sessions.length > 0;
      say(empty, wanted.q || wanted.action || stream ? "No session is like that." : "Nobody is here now.");
      following = answer.next;
      first.hidden = !after;
      next.hidden = !following;
      say(found, `${plural(answer.total, "session")}${answer.next || after ? `, ${answer.sessions.length} are shown` : ""}`);
    },
  };
}

function bitsOf(rates, one, now) {
  const rate = rates.of(one.id, one.stats.bytes, now);
  return rate == null ? null : rate * 8;
}

async function kick(one, shared) {
  if (!(await confirmed(kickWords(one)))) return null;
  await send("DELETE", path(one.id));
  shared.refresh();
  return `The session of ${who(one)} was ended.`;
}

/** What of the stream it gets or sends. */
function gets({ codecs, rendition, layers }) {
  const part = rendition ? [rendition.rid && `rendition ${rendition.rid}`, layers?.given] : [layers?.given];
  return [...codecs.map(codecLabel), ...part].filter(Boolean).join(" · ") || "–";
}

/** One session: what it is, and how it was decided. */
export function session(shared, id) {
  const [heading, state, said] = [el("h1", { tabIndex: -1, textContent: "Session" }), chip(), saying()];
  const [about, granted, told] = [facts(), facts(), story()];
  const gone = el("section", { className: "note", hidden: true }, el("h2", { textContent: "This session is over" }), el("p", { textContent: "What is below is the last that was seen of it." }));
  const rates = new Rates();
  let seen = null;
  const end = does(button("Kick", "main stop"), said, async () => (seen ? kick(seen, shared) : null));
  const panels = el(
    "div",
    { className: "halves", hidden: true },
    el("section", { className: "panel wide" }, el("h2", { textContent: "How it was decided" }), told.element),
    el("section", { className: "panel" }, el("h2", { textContent: "Session" }), about.element),
    el("section", { className: "panel" }, el("h2", { textContent: "What was granted" }), granted.element),
  );
  const element = el(
    "section",
    {},
    el("p", { className: "back" }, el("a", { href: "#/sessions", textContent: "All sessions" })),
    el("div", { className: "title-row" }, el("div", { className: "inline" }, heading, state), end),
    said,
    gone,
    panels,
  );
  return {
    element,
    async refresh(signal) {
      try {
        seen = await get(path(id), { signal });
      } catch (error) {
        if (error.status !== 404) throw error;
        gone.hidden = false;
        end.hidden = true;
        if (!seen) say(gone.lastChild, "There is no session of this id, or not any more.");
        else state.tell("Ended", "off");
        return;
      }
      const one = seen;
      panels.hidden = false;
      say(heading, who(one));
      state.tell(...(STATES[one.state] ?? [one.state, "wait"]));
      told.paint(one.decision);
      const { stats } = one;
      about.paint([
        ["Id", one.id],
        ["Stream", one.stream],
        ["Asked for", one.stream_asked],
        ["Does", `${does_(one.action)}, ${one.protocol.toUpperCase()}`],
        ["Client", one.client_address],
        ["Media", one.media_address ? `${one.media_address}, ${one.media_transport}` : null],
        ["User agent", one.user_agent],
        ["Device", one.device],
        ["Country", one.country],
        ["Codecs", one.codecs.map(codecLabel).join(", ")],
        ["Rendition", one.rendition ? `${one.rendition.rid || "the only one"}, asked for: ${one.rendition.asked}; ${one.rendition.why}` : null],
        ["Connection carries", one.rendition?.estimate_kbps ? bits(one.rendition.estimate_kbps * 1000) : null],
        ["Bitrate", bits(bitsOf(rates, one, performance.now()))],
        ["Round trip", one.rtt_ms == null ? null : `${one.rtt_ms.toFixed(1)} ms`],
        ["Packets", `${count(stats.packets)}, ${count(stats.lost)} lost, ${count(stats.retransmitted)} sent again, ${count(stats.dropped)} dropped`],
        ["Keyframes asked for", count(stats.keyframe_requests)],
        ["Here for", span(Date.now() - Date.parse(one.created))],
        ["Ended", one.close_reason],
        ["Told", one.farewell],
      ]);
      granted.paint([
        ["Subject", one.subject ?? "unknown"],
        ["Tags", Object.entries(one.tags ?? {}).map(([name, value]) => `${name}=${value}`).join(", ") || null],
        ["Bitrate at most", one.limits.max_bitrate_kbps == null ? "no limit" : bits(one.limits.max_bitrate_kbps * 1000)],
        ["Viewers at most", one.limits.max_viewers == null ? "no limit" : count(one.limits.max_viewers)],
        ["Holds for", one.ttl_ms == null ? "the session" : span(one.ttl_ms)],
        ["Asked again in", one.asked_again_in_ms == null ? null : span(one.asked_again_in_ms)],
        ["Asked so far", plural(one.times_asked, "time")],
        ["Routed to", one.route ? [one.route.stream, one.route.rendition && `rendition ${one.route.rendition}`].filter(Boolean).join(", ") || "here" : null],
      ]);
    },
  };
}
