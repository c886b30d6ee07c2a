// The first section: how the server does, live.

import { chip, el, facts, keyed, say } from "./act.js";
import { ago, bits, bytes, candidateWords, count, History, outline, plural, pluginState, Rates, share, span, took } from "./words.js";

/** Values of a chart: two minutes at one a second. They outlast the section, so that coming back shows them. */
const LENGTH = 120;
/** So long a rollback is told on the first page. */
const RECENT_MS = 3_600_000;
const [WIDTH, HEIGHT] = [240, 48];
const histories = { viewers: new History(LENGTH), sent: new History(LENGTH), received: new History(LENGTH), cpu: new History(LENGTH) };
const rates = new Rates();
let noted = null;

/** Keeps the charts going; called with each new answer, whatever section is shown. */
export function note(now) {
  noted = now;
  // What a restarted server counts begins anew.
  const cpu = rates.of("cpu", now.process.cpu_s ?? 0, now.uptime_ms);
  histories.viewers.push(now.viewers);
  histories.sent.push(now.sent_bps);
  histories.received.push(now.received_bps);
  histories.cpu.push(cpu);
  now.cpu = cpu;
}

export function overview(shared) {
  const charts = {
    viewers: chart("Viewers"),
    sent: chart("Sent to viewers"),
    received: chart("Received"),
    cpu: chart("CPU"),
  };
  const notes = el("div");
  const shards = el("ul", { className: "shards" });
  const plugins = el("ul", { className: "lines" });
  const none = el("p", { className: "help", textContent: "No plugins: the access rules decide." });
  const about = facts();
  const paintNotes = keyed(notes, ({ key, title }) => key ?? title, note_);
  const paintShards = keyed(shards, (shard) => shard.index, shardLine);
  const paintPlugins = keyed(plugins, (plugin) => plugin.name, pluginLine);
  const element = el(
    "section",
    {},
    el("div", { className: "title-row" }, el("h1", { tabIndex: -1, textContent: "Overview" }), el("p", { className: "count", id: "since" })),
    notes,
    el("div", { className: "charts" }, ...Object.values(charts).map((one) => one.element)),
    el(
      "div",
      { className: "halves" },
      el("section", { className: "panel" }, el("div", { className: "panel-head" }, el("h2", { textContent: "Plugins" }), el("a", { href: "#/plugins", textContent: "All" })), plugins, none),
      el("section", { className: "panel" }, el("h2", { textContent: "Media threads" }), shards),
      el("section", { className: "panel wide" }, el("h2", { textContent: "Server" }), about.element),
    ),
  );
  const since = element.querySelector("#since");

  return {
    element,
    refresh() {
      const now = shared.overview;
      say(since, `up for ${span(now.uptime_ms)}`);
      charts.viewers.paint(count(now.viewers), `of ${plural(now.streams, "stream")}`, histories.viewers);
      charts.sent.paint(bits(now.sent_bps), now.viewers ? `${bits(now.sent_bps / now.viewers)} a viewer` : "nobody watches", histories.sent);
      charts.received.paint(bits(now.received_bps), received(now), histories.received);
      const { cores, resident_bytes: memory } = now.process;
      charts.cpu.paint(now.cpu == null ? "–" : share(now.cpu), `of one of ${plural(cores, "core")} · ${bytes(memory)}`, histories.cpu);
      paintNotes(notesOf(now));
      paintShards(now.shards.map((shard, index) => ({ ...shard, index })));
      none.hidden = now.plugins.length > 0;
      paintPlugins([...now.plugins].sort((a, b) => (a.order ?? 999) - (b.order ?? 999) || a.name.localeCompare(b.name)));
      about.paint([
        ["Version", now.version],
        ["Node", now.node],
        ["Started", new Date(now.started).toLocaleString()],
        ["Recent media kept", bytes(now.ring_bytes)],
        ["Threads", now.process.threads],
        ["Open files", now.process.open_fds == null ? null : `${count(now.process.open_fds)} of ${count(now.process.max_fds)}`],
        ["Plugin directory", now.plugins_dir ?? "none (plugins.dir)"],
        ["Built with", (now.features ?? []).join(", ")],
        ...now.listeners.map(({ listener, address }) => [`Listens: ${listener}`, address]),
      ]);
    },
  };
}

const received = ({ publishers, received_bps: rate }) => (publishers ? `from ${plural(publishers, "publisher")}` : rate ? "made by the server itself" : "nobody publishes");

/** What the operator should know at once. */
function notesOf(now) {
  const found = [];
  if (now.overloaded) found.push({ tone: "stop", title: "The server is overloaded", detail: "Every media thread has too much to do: new viewers and streams are refused with 503; those who are there go on." });
  if (now.state === "draining") found.push({ tone: "wait", title: "The server is being emptied", detail: "No new sessions are taken. DELETE /api/v1/drain takes that back." });
  if (now.state === "stopping") found.push({ tone: "stop", title: "The server is stopping", detail: "New sessions get 503; viewers are told to reconnect." });
  for (const { name, state, last_error: error, last_rollback: back } of now.plugins) {
    const { tone, meaning, word } = pluginState(state);
    const since = Date.now() - Date.parse(back?.at);
    if (since < RECENT_MS) found.push({ key: `${name} ${back.at}`, tone: "wait", title: `${name}: generation ${back.generation} was rolled back ${ago(Date.parse(back.at), Date.now())}`, detail: back.reason });
    if (tone === "stop") found.push({ tone, title: `${name}: ${word.toLowerCase()}`, detail: [meaning, error?.cause].filter(Boolean).join(" ") });
  }
  return found;
}

function note_({ tone }) {
  const [title, detail] = [el("h2"), el("p")];
  const element = el("section", { className: `note ${tone}` }, title, detail);
  return {
    element,
    paint(now) {
      say(title, now.title);
      say(detail, now.detail);
    },
  };
}

function chart(name) {
  const [value, detail] = [el("p", { className: "figure" }), el("p", { className: "help" })];
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const [area, line] = ["area", "line"].map((kind) => {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("class", kind);
    svg.append(path);
    return path;
  });
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const element = el("section", { className: "chart", "aria-label": name }, el("h2", { textContent: name }), value, detail, svg);
  return {
    element,
    paint(figure, words, history) {
      say(value, figure);
      say(detail, words);
      const drawn = outline(history.values, LENGTH, WIDTH, HEIGHT);
      line.setAttribute("d", drawn.line);
      area.setAttribute("d", drawn.area);
    },
  };
}

function shardLine({ index }) {
  const [bar, value] = [el("i"), el("span", { className: "number" })];
  const state = chip();
  const element = el("li", {}, el("span", { textContent: `Thread ${index + 1}` }), el("span", { className: "bar", "aria-hidden": "true" }, bar), value, state);
  return {
    element,
    paint({ load, overloaded }) {
      bar.style.inlineSize = `${Math.min(load * 100, 100)}%`;
      say(value, share(load));
      state.tell(overloaded ? "Overloaded" : "Has room", overloaded ? "stop" : "good");
    },
  };
}

function pluginLine({ name }) {
  const [state, stage, words] = [chip(), chip(), el("span", { className: "help" })];
  const element = el("li", {}, el("a", { href: `#/plugins/${encodeURIComponent(name)}`, textContent: name }), state, stage, words);
  return {
    element,
    paint(now) {
      const { word, tone, meaning } = pluginState(now.state);
      state.tell(word, tone, meaning);
      stage.tell(candidateWords(now), "wait");
      const rate = rates.of(`calls ${name}`, now.calls, noted.uptime_ms);
      const error = now.last_error ? `last error ${ago(now.last_error.at_unix_ms, Date.now())}` : "";
      const parts = [rate ? `${rate.toFixed(rate < 10 ? 1 : 0)} calls a second` : "no calls now", `p99 ${took(now.p99_us)}`, now.errors ? plural(now.errors, "failed call") : "", error];
      say(words, parts.filter(Boolean).join(" · "));
    },
  };
}
