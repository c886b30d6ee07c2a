// What the three pages share: reading the address, building elements, copying, figures in words.

/** Builds an element: properties are set as properties, `data-*`, `aria-*`, `role` and `for` as attributes. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (/^(data-|aria-|role$|for$)/.test(name)) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

export const byId = (id) => document.getElementById(id);

/** The rules of a stream's name: 1 to 4 segments of letters, digits, `_`, `.`, `-`, at most 64 characters each. */
export function isStreamName(name) {
  const segments = name.split("/");
  return segments.length <= 4 && segments.every((part) => /^[A-Za-z0-9_.-]{1,64}$/.test(part) && !/^\.\.?$/.test(part));
}

/** The stream that this page is about: the path after `/play/` or `/publish/`, or null when it is no stream's name. */
export function streamOfPage(action) {
  const name = location.pathname.slice(`/${action}/`.length).replace(/\/$/, "");
  return isStreamName(name) ? name : null;
}

export const query = new URLSearchParams(location.search);

/** The token of this page: from its address, or entered earlier in this tab for the same action. */
export function pageToken(action) {
  return query.get("token") ?? recall(`wasmcast.token.${action}`) ?? "";
}

export function keepToken(action, token) {
  try {
    sessionStorage.setItem(`wasmcast.token.${action}`, token);
  } catch {
    // Storage is off: the token holds until the page is left.
  }
}

function recall(key) {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

/** A path of this site; a token in the page's own address goes along, so that the visitor stays let in. */
export function linkTo(path) {
  const token = query.get("token");
  return token ? `${path}?token=${encodeURIComponent(token)}` : path;
}

/** Lets links written in the HTML carry the token too. */
export function carryToken() {
  for (const link of document.querySelectorAll("a[data-carry]")) link.href = linkTo(link.getAttribute("href"));
}

/** Makes a button copy `text()`, and tell that it did. */
export function copies(button, text) {
  const label = button.textContent;
  let timer = 0;
  button.addEventListener("click", async () => {
    const done = await copy(text());
    button.textContent = done ? "Copied" : "Select and copy";
    announce(done ? "Copied" : "Copying is not allowed here: select the text and copy it");
    clearTimeout(timer);
    timer = setTimeout(() => (button.textContent = label), 1600);
  });
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Plain http hides the clipboard; the old way still works there.
    const field = el("textarea", { value: text, className: "spoken" });
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

/** Says something to those who listen to the page. */
export function announce(words) {
  const region = byId("spoken");
  if (region && region.textContent !== words) region.textContent = words;
}

/** A label with a line to copy. */
export function snippet(label, text) {
  const code = el("code", { textContent: text, tabIndex: 0 });
  const button = el("button", { type: "button", className: "quiet", textContent: "Copy", "aria-label": `Copy: ${label}` });
  copies(button, () => code.textContent);
  const box = el("div", { className: "snippet" }, code, button);
  // Given parts, it breaks lines between them only: an option stays with its value.
  box.setText = (words) => {
    if (!Array.isArray(words)) return (code.textContent = words);
    const parts = words.flatMap((part) => [" ", el("span", { className: /^-/.test(part) ? "whole" : "", textContent: part })]);
    code.replaceChildren(...parts.slice(1));
  };
  return box;
}

export function bitrate(kbps) {
  if (kbps == null) return "–";
  return kbps >= 1000 ? `${(kbps / 1000).toFixed(2)} Mbit/s` : `${Math.round(kbps)} kbit/s`;
}

export const milliseconds = (value) => (value == null ? "–" : `${Math.round(value)} ms`);
export const percent = (value) => (value == null ? "–" : `${value.toFixed(1)} %`);
export const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** "4 s", "12 min", "3 h 5 min", "2 d 4 h" */
export function span(ms) {
  const seconds = Math.max(Math.floor(ms / 1000), 0);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export function codecLabel(name) {
  const labels = { h264: "H.264", h265: "H.265", vp8: "VP8", vp9: "VP9", av1: "AV1", opus: "Opus", pcmu: "G.711 µ", pcma: "G.711 A" };
  return name ? (labels[name.toLowerCase()] ?? name) : null;
}

/** A row of figures that changes in place: `[[label, value, hint?]]`. */
export function paintTiles(list, rows) {
  rows.forEach(([label, value, hint = ""], at) => {
    const tile = list.children[at] ?? list.appendChild(el("div", {}, el("dt"), el("dd")));
    const [name, figure] = tile.children;
    if (name.textContent !== label) name.textContent = label;
    if (figure.textContent !== value) figure.textContent = value;
    tile.title = hint;
  });
  while (list.children.length > rows.length) list.lastChild.remove();
}
