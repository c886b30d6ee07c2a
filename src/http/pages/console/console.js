// The console: which section is shown, how often it asks, the login, and how the server stands.

import { announce, byId, say } from "./act.js";
import { get, onLocked, token } from "./api.js";
import { config } from "./config.js";
import { events } from "./events.js";
import { note, overview } from "./overview.js";
import { plugin } from "./plugin.js";
import { plugins } from "./plugins.js";
import { session, sessions } from "./sessions.js";
import { streams } from "./streams.js";

/** How often is asked while somebody looks, in milliseconds. */
const REFRESH_MS = 1000;
/** A server that does not answer is asked less and less often, up to this. */
const LONGEST_MS = 15_000;

/** Sections by the first part of the address; those with a second part show one thing. */
const SECTIONS = { overview, streams, sessions, plugins, config, events };
const SINGLE = { sessions: session, plugins: plugin };
const TITLES = { overview: "Overview", streams: "Streams", sessions: "Sessions", plugins: "Plugins", config: "Settings", events: "Events" };

const WRONG = "This token does not open this server.";

/** What every section may use. `overview` is the newest answer of `/api/v1/overview`. */
const shared = { overview: null };
let shown = null;
let timer = 0;
let asking = null;
let failures = 0;
let locked = false;

function route() {
  const [address, wish = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = address.split("/");
  let wanted = rest.join("/");
  try {
    wanted = decodeURIComponent(wanted);
  } catch {
    wanted = "";
  }
  return { section: SECTIONS[name] ? name : "overview", wanted, wish: new URLSearchParams(wish) };
}

/** Shows the section that the address names. */
function show(focus) {
  const { section, wanted, wish } = route();
  shown?.leave?.();
  const make = wanted && SINGLE[section] ? SINGLE[section] : SECTIONS[section];
  shown = make(shared, wanted, wish);
  byId("section").replaceChildren(shown.element);
  for (const link of byId("sections").children) {
    if (link.hash === `#/${section}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const heading = shown.element.querySelector("h1");
  document.title = `${wanted && SINGLE[section] ? wanted : TITLES[section]} · wasmcast console`;
  if (focus) {
    scrollTo(0, 0);
    heading?.focus({ preventScroll: true });
  }
  refresh();
}

async function refresh() {
  clearTimeout(timer);
  asking?.abort();
  if (locked) return;
  const own = (asking = new AbortController());
  try {
    shared.overview = await get("/api/v1/overview", { signal: own.signal });
    paintStanding(shared.overview);
    note(shared.overview);
    await shown.refresh?.(own.signal);
    if (own.signal.aborted) return;
    failures = 0;
    trouble(null);
  } catch (error) {
    if (own.signal.aborted || error.status === 401) return;
    failures += 1;
    // One lost answer is no news; what is on the page stays.
    if (failures > 1 || error.status) trouble(error);
  }
  if (!document.hidden) timer = setTimeout(refresh, Math.min(REFRESH_MS * 2 ** Math.max(failures - 1, 0), LONGEST_MS));
}
shared.refresh = refresh;

function trouble(error) {
  byId("trouble").hidden = !error;
  if (!error) return;
  say(byId("trouble-title"), error.title ?? "The console failed");
  say(byId("trouble-detail"), `${error.detail ?? error.message} What you see may be old; asking again by itself.`);
  if (!error.status) standing.tell("No answer", "stop");
}

const standing = byId("standing");
standing.tell = (text, tone) => {
  standing.dataset.tone = tone;
  say(standing, text);
};

function paintStanding({ state, overloaded, node }) {
  say(byId("node"), node && node !== "wasmcast" ? node : "");
  const words = { running: ["Running", "good"], draining: ["Draining", "wait"], stopping: ["Stopping", "stop"], starting: ["Starting", "wait"] };
  const [word, tone] = overloaded ? ["Overloaded", "stop"] : (words[state] ?? [state, "wait"]);
  standing.tell(word, tone);
}

/** The server wants a token. */
onLocked((refusal) => {
  const before = token.value;
  token.keep("");
  if (locked && !before) return;
  locked = true;
  clearTimeout(timer);
  asking?.abort();
  shown?.leave?.();
  shown = null;
  byId("section").replaceChildren();
  byId("sections").hidden = true;
  byId("leave").hidden = true;
  byId("trouble").hidden = true;
  byId("login").hidden = false;
  standing.tell("", "off");
  say(byId("node"), "");
  say(byId("login-said"), before ? WRONG + (/Authorization/.test(refusal.detail) ? "" : ` It says: ${refusal.detail}`) : "");
  byId("token").focus();
});

byId("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = byId("token");
  const wanted = field.value.trim();
  if (!wanted) return;
  // No header can carry anything else.
  if (/[^\x21-\x7e]/.test(wanted)) {
    say(byId("login-said"), "This is no token: it has letters, digits and signs, and no spaces.");
    return field.select();
  }
  token.keep(wanted);
  say(byId("login-said"), "");
  try {
    shared.overview = await get("/api/v1/overview");
  } catch (error) {
    field.select();
    if (error.status !== 401) say(byId("login-said"), `${error.title}. ${error.detail}`);
    return;
  }
  field.value = "";
  open();
});

byId("leave").addEventListener("click", () => {
  token.keep("");
  location.reload();
});

function open() {
  locked = false;
  byId("login").hidden = true;
  byId("sections").hidden = false;
  byId("leave").hidden = !token.value;
  paintStanding(shared.overview);
  show(true);
  announce("The console is open");
}

addEventListener("hashchange", () => !locked && byId("sections").hidden === false && show(true));
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return shown && refresh();
  clearTimeout(timer);
  asking?.abort();
});

/** Arrow keys walk along the sections, as in a row of tabs; Tab goes on to the content. */
byId("sections").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
  const links = [...byId("sections").children];
  const at = links.indexOf(document.activeElement);
  const next = event.key === "Home" ? 0 : event.key === "End" ? links.length - 1 : step && at >= 0 ? (at + step + links.length) % links.length : -1;
  if (next < 0) return;
  event.preventDefault();
  links[next].focus();
});

/** The first answer tells whether a token is wanted; until there is one, nothing is shown. */
async function begin() {
  try {
    shared.overview = await get("/api/v1/overview");
  } catch (error) {
    if (error.status === 401) return;
    trouble(error);
    timer = setTimeout(begin, Math.min(REFRESH_MS * 2 ** failures++, LONGEST_MS));
    return;
  }
  failures = 0;
  byId("trouble").hidden = true;
  byId("sections").hidden = false;
  byId("leave").hidden = !token.value;
  paintStanding(shared.overview);
  show(false);
}
begin();
