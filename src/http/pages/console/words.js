// Figures and states in words, rates out of counters, outlines of charts: pure, tested by `console.test.js`.

const NUMBER = new Intl.NumberFormat("en");
const NONE = "–";

export const count = (value) => (value == null ? NONE : NUMBER.format(value));
export const plural = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;

/** Bits a second. */
export function bits(value) {
  if (value == null) return NONE;
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} Gbit/s`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(value >= 1e8 ? 0 : 2)} Mbit/s`;
  return `${Math.round(value / 1e3)} kbit/s`;
}

/** Bytes, in steps of 1,024. */
export function bytes(value) {
  if (value == null) return NONE;
  const units = ["B", "KiB", "MiB", "GiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** A duration given in microseconds. */
export function took(us) {
  if (us == null) return NONE;
  if (us < 1000) return `${us < 10 ? us.toFixed(1) : Math.round(us)} µs`;
  if (us < 1e6) return `${(us / 1e3).toFixed(us < 1e4 ? 1 : 0)} ms`;
  return `${(us / 1e6).toFixed(1)} s`;
}

export const share = (fraction) => (fraction == null ? NONE : `${(fraction * 100).toFixed(fraction < 0.1 ? 1 : 0)} %`);

/** "4 s", "12 min", "3 h 5 min", "2 d 4 h", from milliseconds. */
export function span(ms) {
  const seconds = Math.max(Math.floor(ms / 1000), 0);
  if (!Number.isFinite(seconds)) return NONE;
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export const ago = (at, now) => (Number.isFinite(at) ? (now - at < 2000 ? "just now" : `${span(now - at)} ago`) : NONE);
export const short = (digest) => (digest ? digest.slice(0, 12) : NONE);

/** Makes rates out of counters that are looked at now and then. */
export class Rates {
  #seen = new Map();

  /** How much a second it grew since the last look; null at the first, and when it began anew. */
  of(key, value, now) {
    const before = this.#seen.get(key);
    if (before && now - before.at < 250) return before.rate;
    const grown = before && value >= before.value;
    const rate = grown ? ((value - before.value) * 1000) / (now - before.at) : null;
    this.#seen.set(key, { value, at: now, rate });
    return rate;
  }

  /** Forgets all but these. */
  keep(keys) {
    const kept = new Set(keys);
    for (const key of this.#seen.keys()) if (!kept.has(key)) this.#seen.delete(key);
  }
}

/** The latest values of something, for a chart. */
export class History {
  values = [];

  constructor(length) {
    this.length = length;
  }

  push(value) {
    this.values.push(value ?? 0);
    if (this.values.length > this.length) this.values.shift();
  }
}

/** The line of a chart and the area below it, as SVG paths; the newest value is at the right edge. */
export function outline(values, length, width, height) {
  if (values.length < 2) return { line: "", area: "" };
  // Some air above the highest.
  const top = Math.max(...values, Number.MIN_VALUE) * 1.15;
  const x = (at) => +(width - ((values.length - 1 - at) * width) / (length - 1)).toFixed(1);
  const y = (value) => +(height - 1.5 - (Math.max(value, 0) / top) * (height - 4)).toFixed(1);
  const line = values.map((value, at) => `${at ? "L" : "M"}${x(at)} ${y(value)}`).join("");
  return { line, area: `${line}L${width} ${height}L${x(0)} ${height}Z` };
}

/** A plugin's state: a word, what it means, and whether that is good, to be waited for, bad or neither. */
export function pluginState(state) {
  const known = {
    active: ["In service", "good", "It is asked."],
    loading: ["Loading", "wait", "Its first version is on its way."],
    failed: ["Not loaded", "stop", "No version of it is in service; its failure policy answers."],
    stopped: ["Stopped", "stop", "It failed with nearly everybody; a restart is due. Its failure policy answers."],
    recovering: ["Recovering", "wait", "It was restarted; some calls go through, to see."],
    quarantined: ["Quarantined", "stop", "Restarts did not help; its failure policy answers until a new version comes."],
    shadow: ["In shadow", "wait", "Its first version is asked too, and its answers are only compared."],
    disabled: ["Disabled", "off", "It is as if it were absent."],
  };
  const [word, tone, meaning] = known[state] ?? [String(state ?? "Unknown"), "wait", ""];
  return { word, tone, meaning };
}

/** The candidate of a roll-out in a few words; empty where there is none. */
export function candidateWords({ candidate }) {
  if (!candidate) return "";
  const stages = { shadow: "in shadow", canary: `canary, ${Math.round((candidate.share ?? 0) * 1000) / 10} % of new sessions`, probation: "on probation" };
  return `Generation ${candidate.generation} ${stages[candidate.stage] ?? candidate.stage}`;
}

/** Where the component in service came from. */
export const originWords = (origin) =>
  ({ directory: "from the plugin directory", "last-good": "the last good version: what is in the directory failed", "rolled-back": "gone back to: what is in the directory was rolled back" })[
    origin
  ] ?? "";

/** One step of a decision. */
export function stepWords({ hook, outcome }) {
  const auth = { allow: "let it in", deny: "refused it", abstain: "had no opinion", open: "gave no answer; its policy let it in", closed: "gave no answer; its policy refused it", "last-good": "gave no answer; the last good answer holds" };
  const router = { route: "chose where it goes", abstain: "had no opinion", open: "gave no answer; it stays here", closed: "gave no answer; its policy refused it", elsewhere: "sent it to another server" };
  return ((hook === "router" ? router : auth)[outcome] ?? String(outcome));
}

export const stepTone = ({ outcome, error }) =>
  error ? "stop" : { allow: "good", route: "good", deny: "stop", closed: "stop" }[outcome] ?? "off";

/** The plugin that a file is for: `auth-jwt` for `auth-jwt.wasm`, and for `auth_jwt.component.wasm`. */
export function pluginOfFile(file) {
  const stem = file.replace(/^.*[\\/]/, "").replace(/(\.wasm|\.toml|\.minisig)+$/i, "").replace(/\.component$/i, "");
  return stem.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 64);
}

export const isPluginName = (name) => /^[a-z0-9][a-z0-9-]{0,63}$/.test(name);

/** A value of the configuration, as one would write it. */
export function valueWords(value) {
  if (value === null || value === undefined) return "not set";
  return typeof value === "string" ? value || "\"\"" : JSON.stringify(value);
}

/** `{"http.listen": {value, source}}` by section, the keys of each in order. */
export function sections(config) {
  const found = new Map();
  for (const [path, { value, source }] of Object.entries(config)) {
    const cut = path.lastIndexOf(".");
    const section = cut < 0 ? "" : path.slice(0, cut);
    if (!found.has(section)) found.set(section, []);
    found.get(section).push({ path, name: path.slice(cut + 1), value, source: String(source ?? "") });
  }
  return found;
}

/** "5 %" as 0.05; null where it is no share above 0 and up to 100 %. */
export function shareOf(text) {
  const number = Number(String(text).replace("%", "").replace(",", ".").trim());
  return Number.isFinite(number) && number > 0 && number <= 100 ? number / 100 : null;
}

/** The attributes of an event in one line. */
export function attributeWords(attributes) {
  const say = (value) => (typeof value === "object" && value !== null ? JSON.stringify(value) : String(value));
  return Object.entries(attributes ?? {}).map(([name, value]) => `${name} ${say(value)}`).join(" · ");
}
