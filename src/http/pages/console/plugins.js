// The list of plugins: how each does, the switches that are wanted most, and where new ones are put in.

import { chip, el, facts, keyed, say, saying } from "./act.js";
import { get } from "./api.js";
import { disableOrEnable, rollBack } from "./deeds.js";
import { uploader } from "./upload.js";
import { ago, bytes, candidateWords, count, originWords, plural, pluginState, short, took } from "./words.js";

export function plugins(shared) {
  const found = el("p", { className: "count" });
  const list = el("ul", { className: "plugin-list" });
  const empty = el("p", { className: "empty help", hidden: true });
  const upload = uploader(shared, "");
  const paint = keyed(list, ({ name }) => name, (plugin) => card(plugin, shared));
  const element = el(
    "section",
    {},
    el("div", { className: "title-row" }, el("h1", { tabIndex: -1, textContent: "Plugins" }), found),
    upload.element,
    list,
    empty,
  );
  return {
    element,
    leave: upload.leave,
    async refresh(signal) {
      const all = await get("/api/v1/plugins", { signal });
      all.sort((a, b) => (a.order ?? 999) - (b.order ?? 999) || a.name.localeCompare(b.name));
      upload.paint(all);
      paint(all);
      empty.hidden = all.length > 0;
      say(empty, shared.overview?.plugins_dir ? "No plugin is in the directory: the access rules decide." : "This server has no plugin directory (plugins.dir): the access rules decide.");
      say(found, all.length ? plural(all.length, "plugin") : "");
    },
  };
}

/** Why it can not do what it should, with when that was. */
export function errorLine() {
  const [title, cause] = [el("p", { className: "strong" }), el("p", { className: "cause" })];
  const element = el("div", { className: "fault" }, title, cause);
  element.paint = (error) => {
    element.hidden = !error;
    if (!error) return;
    say(title, `Last error: ${error.class}, ${ago(error.at_unix_ms, Date.now())}`);
    say(cause, error.cause);
  };
  return element;
}

export const failedCalls = ({ errors }) => Object.values(errors ?? {}).reduce((sum, value) => sum + value, 0);

function card(plugin, shared) {
  const { name } = plugin;
  const [state, stage, said, fault] = [chip(), chip(), saying(), errorLine()];
  const [meaning, about] = [el("p", { className: "help" }), facts()];
  const toggle = disableOrEnable(name, said, shared);
  const back = rollBack(name, said, shared);
  const element = el(
    "li",
    { className: "panel plugin", "data-plugin": name },
    el("div", { className: "panel-head" }, el("h2", {}, el("a", { href: `#/plugins/${encodeURIComponent(name)}`, textContent: name })), state, stage),
    meaning,
    about.element,
    fault,
    el("div", { className: "actions" }, toggle.element, back.element, el("a", { className: "button", href: `#/plugins/${encodeURIComponent(name)}`, textContent: "Details", "aria-label": `Details of ${name}` })),
    said,
  );
  return {
    element,
    paint(now) {
      const known = pluginState(now.state);
      state.tell(known.word, known.tone, known.meaning);
      const candidate = candidateWords(now);
      stage.tell(candidate, "wait");
      stage.hidden = !candidate;
      say(meaning, known.tone === "good" ? "" : known.meaning);
      meaning.hidden = known.tone === "good";
      about.paint([
        ["Version", [now.version, now.digest && short(now.digest)].filter(Boolean).join(" · ") || "none"],
        ["Generation", now.generation == null ? null : `${now.generation}${now.origin === "directory" ? "" : `, ${originWords(now.origin)}`}`],
        ["Asked", now.order ? `in place ${now.order} (${now.phase}, priority ${now.priority})` : "not asked"],
        ["Calls", `${count(now.calls)}, ${count(failedCalls(now))} failed`],
        ["Takes", now.p50_us == null ? null : `p50 ${took(now.p50_us)}, p99 ${took(now.p99_us)}`],
        ["Memory", now.memory_bytes ? bytes(now.memory_bytes) : null],
        ["Last rollback", now.last_rollback ? `${ago(Date.parse(now.last_rollback.at), Date.now())}: ${now.last_rollback.reason}` : null],
      ]);
      fault.paint(now.last_error);
      toggle.paint(now);
      back.paint(now);
    },
  };
}
