// What happens, as it happens: the server's event stream, filtered by kind, resumed where it broke off.

import { button, chip, el, keyed, say } from "./act.js";
import { follow } from "./api.js";
import { attributeWords, plural } from "./words.js";

/** Events that are kept and shown; the oldest go first. */
const KEPT = 300;
/** As if the event before the first had been seen: the server tells all that it keeps. */
const ALL = "0";
/** From the first wait to the longest, in milliseconds, after the stream broke off. */
const [FIRST_MS, LONGEST_MS] = [500, 15_000];

export function events() {
  const kind = el("input", { type: "search", id: "event-kind", placeholder: "All, or for example plugin.*", autocomplete: "off", spellcheck: false });
  const use = button("Apply");
  const pause = button("Pause");
  const clear = button("Clear");
  const state = chip();
  const found = el("p", { className: "count" });
  const note = el("section", { className: "note", hidden: true }, el("h2"), el("p"));
  const list = el("ol", { className: "events", "aria-label": "Events, newest first" });
  const empty = el("p", { className: "empty help", textContent: "Nothing has happened yet." });
  const form = el("form", { className: "filters" }, el("label", { for: "event-kind", textContent: "Kind" }), kind, use, pause, clear);
  const element = el("section", {}, el("div", { className: "title-row" }, el("div", { className: "inline" }, el("h1", { tabIndex: -1, textContent: "Events" }), state), found), form, note, list, empty);
  const paint = keyed(list, ({ key }) => key, line);

  let kept = [];
  let paused = false;
  let lastId = ALL;
  let following = null;
  let ended = false;
  let fresh = false;
  let serial = 0;

  const show = () => {
    if (paused) return;
    paint(kept);
    empty.hidden = kept.length > 0 || !note.hidden;
    say(found, kept.length ? plural(kept.length, "event") : "");
  };
  // Many events at once are painted once.
  const soon = () => {
    if (fresh) return;
    fresh = true;
    requestAnimationFrame(() => {
      fresh = false;
      show();
    });
  };
  const trouble = (title, detail) => {
    note.hidden = !title;
    say(note.children[0], title);
    say(note.children[1], detail);
    empty.hidden = Boolean(title) || kept.length > 0;
  };
  const take = ({ id, event, data }) => {
    let said = {};
    try {
      said = JSON.parse(data);
    } catch {
      said = { attributes: { data } };
    }
    lastId = id || String(said.sequence ?? "") || lastId;
    // What came faster than it could be read.
    if (event === "gap") said = { attributes: { missed: said.missed } };
    kept.unshift({ key: `${lastId} ${event} ${(serial += 1)}`, kind: event, ...said });
    kept.length = Math.min(kept.length, KEPT);
    soon();
  };

  async function run(own) {
    for (let failures = 0; !own.signal.aborted; ) {
      const path = `/api/v1/events${kind.value.trim() ? `?${new URLSearchParams({ kind: kind.value.trim() })}` : ""}`;
      const onOpen = () => {
        failures = 0;
        trouble("", "");
        state.tell("Live", "good");
      };
      try {
        await follow(path, { lastId, signal: own.signal, onOpen, onEvent: take });
      } catch (error) {
        if (own.signal.aborted) return;
        if (error.status === 404) {
          state.tell("Not offered", "off");
          return trouble("This server offers no event log", "Its log on stderr tells the same, and /metrics counts it.");
        }
        if (error.status >= 400 && error.status < 500) {
          state.tell("Refused", "stop");
          return trouble(error.title, error.detail);
        }
        failures += 1;
      }
      if (own.signal.aborted) return;
      state.tell("Connecting again", "wait");
      await new Promise((next) => setTimeout(next, Math.min(FIRST_MS * 2 ** failures, LONGEST_MS)));
    }
  }
  const start = () => {
    following?.abort();
    following = new AbortController();
    state.tell("Connecting", "wait");
    run(following);
  };

  form.addEventListener("submit", (event) => event.preventDefault());
  const anew = () => {
    kept = [];
    lastId = ALL;
    show();
    start();
  };
  kind.addEventListener("keydown", (event) => event.key === "Enter" && anew());
  kind.addEventListener("search", () => !kind.value && anew());
  use.addEventListener("click", anew);
  clear.addEventListener("click", () => {
    kept = [];
    show();
  });
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
    pause.setAttribute("aria-pressed", String(paused));
    show();
  });
  start();
  return {
    element,
    leave() {
      if (ended) return;
      ended = true;
      following?.abort();
    },
  };
}

function line(event) {
  const at = new Date(event.at);
  const who = [event.stream && `stream ${event.stream}`].filter(Boolean).join(" ");
  const link = event.session ? el("a", { href: `#/sessions/${encodeURIComponent(event.session)}`, textContent: "session", "aria-label": `Session ${event.session}` }) : "";
  const tone = /fault|error|drop|fail|refus|denied|rollback|rolled/.test(event.kind) ? "stop" : "";
  return {
    element: el(
      "li",
      { "data-tone": tone, "data-kind": event.kind },
      el("time", { textContent: Number.isFinite(at.getTime()) ? at.toLocaleTimeString() : "", title: String(event.at ?? "") }),
      el("strong", { textContent: event.kind }),
      el("span", { className: "event-words" }, [who, attributeWords(event.attributes)].filter(Boolean).join(" · "), link ? " " : "", link),
    ),
    paint() {},
  };
}
