// One plugin: all that is known of it, its roll-out, its generations, its log.

import { chip, el, facts, keyed, say, saying } from "./act.js";
import { get } from "./api.js";
import { disableOrEnable, pathOf, rollBack } from "./deeds.js";
import { errorLine, failedCalls } from "./plugins.js";
import { rollout } from "./rollout.js";
import { uploader } from "./upload.js";
import { ago, attributeWords, bytes, candidateWords, count, originWords, plural, pluginState, short, took, valueWords } from "./words.js";

/** Lines of the log that are shown. */
const LINES = 100;

export function plugin(shared, name) {
  const [state, stage, said, fault] = [chip(), chip(), saying(), errorLine()];
  const [version, work, rights] = [facts(), facts(), facts()];
  const meaning = el("p", { className: "help" });
  const toggle = disableOrEnable(name, said, shared);
  const back = rollBack(name, said, shared);
  const roll = rollout(shared, name, said);
  const upload = uploader(shared, name);
  const log = logView(name);
  const gone = el("section", { className: "note", hidden: true }, el("h2", { textContent: "There is no such plugin" }), el("p", { textContent: "No file of this name is in the plugin directory." }));
  const body = el(
    "div",
    { hidden: true },
    meaning,
    fault,
    el("div", { className: "actions deeds" }, toggle.element, back.element, said),
    el(
      "div",
      { className: "halves" },
      ...roll.first,
      el("section", { className: "panel" }, el("h2", { textContent: "A new version" }), upload.element),
      ...roll.last,
      el("section", { className: "panel" }, el("h2", { textContent: "Version" }), version.element),
      el("section", { className: "panel" }, el("h2", { textContent: "Work" }), work.element),
      el("section", { className: "panel" }, el("h2", { textContent: "Rights and settings" }), rights.element),
      el("section", { className: "panel wide" }, el("h2", { textContent: "Log" }), log.element),
    ),
  );
  const element = el(
    "section",
    {},
    el("p", { className: "back" }, el("a", { href: "#/plugins", textContent: "All plugins" })),
    el("div", { className: "title-row" }, el("div", { className: "inline" }, el("h1", { tabIndex: -1, textContent: name }), state, stage)),
    gone,
    body,
  );
  return {
    element,
    leave: upload.leave,
    async refresh(signal) {
      let now;
      try {
        now = await get(pathOf(name), { signal });
      } catch (error) {
        if (error.status !== 404) throw error;
        [gone.hidden, body.hidden] = [false, true];
        return;
      }
      [gone.hidden, body.hidden] = [true, false];
      const known = pluginState(now.state);
      state.tell(known.word, known.tone, known.meaning);
      const candidate = candidateWords(now);
      stage.tell(candidate, "wait");
      stage.hidden = !candidate;
      say(meaning, known.meaning);
      meaning.hidden = known.tone === "good";
      fault.paint(now.last_error);
      toggle.paint(now);
      back.paint(now);
      upload.paint([now]);
      paintFacts(now);
      await roll.refresh(now, signal);
      await log.refresh(signal);
    },
  };

  function paintFacts(now) {
    const at = (ms) => ago(ms, Date.now());
    version.paint([
      ["Version", now.version ?? "not told"],
      ["Generation", now.generation == null ? "none in service" : `${now.generation}, ${originWords(now.origin)}`],
      ["SHA-256", now.digest],
      ["Signature", now.signature ? `${now.signature.key}, ${now.signature.trusted ? "trusted" : "not trusted"}` : null],
      ["Answers", now.hooks.join(", ") || null],
      ["Previous", now.previous ? `generation ${now.previous.generation}, ${[now.previous.version, short(now.previous.digest)].filter(Boolean).join(" · ")}` : null],
      ["Last change", now.last_reload ? `${at(now.last_reload.at_unix_ms)}, in service after ${took(now.last_reload.took_ms * 1000)}` : null],
      ["Last rollback", now.last_rollback ? `${at(Date.parse(now.last_rollback.at))}: ${now.last_rollback.reason}` : null],
      ["Changes", `${plural(now.reloads, "version")} taken, ${count(now.refused)} refused, ${plural(now.restarts, "restart")}`],
      ["Still answering", now.draining.length ? `generation ${now.draining.join(", ")}` : null],
    ]);
    const errors = Object.entries(now.errors).filter(([, value]) => value > 0).map(([kind, value]) => `${count(value)} ${kind}`);
    work.paint([
      ["Asked", now.order ? `in place ${now.order} (${now.phase}, priority ${now.priority})` : "not asked"],
      ["Calls", count(now.calls)],
      ["Failed", failedCalls(now) ? errors.join(", ") : "none"],
      ["Answered by policy", now.answered_by_policy ? count(now.answered_by_policy) : "none"],
      ["A call takes", now.p50_us == null ? null : `p50 ${took(now.p50_us)}, p99 ${took(now.p99_us)}`],
      ["Observes", now.observer ? observerWords(now.observer) : null],
      ["Ticks and polls failed", now.upkeep_errors ? count(now.upkeep_errors) : null],
      ["Instances", `${count(now.instances.idle)} idle, ${count(now.instances.limit)} at most, ${count(now.instances.made)} made`],
      ["Memory", bytes(now.memory_bytes)],
    ]);
    rights.paint([
      ["Granted", now.grants.granted.join(", ") || "none"],
      ["Used", now.grants.used.join(", ") || "none"],
      ["Wanted and not granted", now.grants.refused.join(", ") || null],
      ...Object.entries(now.config && typeof now.config === "object" ? now.config : {}).map(([key, value]) => [`Config: ${key}`, configWords(value)]),
    ]);
  }
}

/** What it logged, and the host about it; newest first. */
function logView(name) {
  const list = el("ol", { className: "log" });
  const none = el("p", { className: "help", textContent: "It has logged nothing." });
  const lines = [];
  let newest = 0;
  const paint = keyed(list, ({ number }) => number, (line) => {
    const { unix_ms: at, level, generation, hook, message, fields } = line;
    const where = [new Date(at).toLocaleTimeString(), level, generation ? `generation ${generation}` : "", hook];
    return {
      element: el(
        "li",
        { "data-level": level },
        el("span", { className: "help", textContent: where.filter(Boolean).join(" · ") }),
        el("span", { textContent: [message, fieldWords(fields)].filter(Boolean).join(" ") }),
      ),
      paint() {},
    };
  });
  return {
    element: el("div", {}, list, none),
    async refresh(signal) {
      const more = await get(`${pathOf(name)}/log?after=${newest}`, { signal });
      // A server that was restarted counts anew.
      newest = more.at(-1)?.number ?? newest;
      lines.unshift(...more.reverse());
      lines.length = Math.min(lines.length, LINES);
      none.hidden = lines.length > 0;
      if (more.length) paint(lines);
    },
  };
}

/** The fields of a line; they come as an object, or as pairs. */
const fieldWords = (fields) => attributeWords(Array.isArray(fields) ? Object.fromEntries(fields) : fields);

const configWords = (value) => (Array.isArray(value) ? value.map(valueWords).join(", ") || "none" : valueWords(value));

/** How it keeps up with what it observes. */
const observerWords = ({ delivered, queue, lag_ms: lag, dropped }) =>
  [`${count(delivered)} events told`, queue ? `${count(queue)} wait, ${took(lag * 1000)} behind` : "", dropped ? `${count(dropped)} dropped` : ""].filter(Boolean).join(", ");
