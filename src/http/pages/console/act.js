// Deeds: a button that does something, the question before it, and the words about what came of it.

import { announce, byId, el } from "../page.js";

/** Puts a text into an element, unless it is there: what is not touched is not read out again, and keeps its selection. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** What takes longer than this is said to be at work. */
const SLOW_MS = 250;

/** Where the words about a deed stand. */
export function saying() {
  const element = el("p", { className: "said", role: "status" });
  element.tell = (text, tone = "") => {
    element.dataset.tone = tone;
    say(element, text);
  };
  return element;
}

export const refusalWords = (error) => [error.title ?? "This did not work", error.detail ?? error.message].filter(Boolean).join(". ");

/**
 * Makes a button do something. While it is at work it can not be pressed again, and keeps the focus.
 * `work` returns the words for success, or null when there is nothing to say.
 */
export function does(button, said, work) {
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    said.tell("");
    // What is done at once, or asked about first, needs no word.
    const slow = setInterval(() => !byId("question").open && said.tell("Working …", "wait"), SLOW_MS);
    try {
      const words = await work();
      clearInterval(slow);
      said.tell(words ?? "", "good");
    } catch (error) {
      clearInterval(slow);
      said.tell(refusalWords(error), "stop");
    } finally {
      button.removeAttribute("aria-disabled");
    }
  });
  return button;
}

export const button = (text, className = "quiet small", label = "") =>
  el("button", { type: "button", className, textContent: text, ...(label ? { "aria-label": label } : {}) });

/** Asks before something that can not be taken back unnoticed. Escape says no; the focus goes back to where it was. */
export function confirmed({ title, detail, yes }) {
  const dialog = byId("question");
  say(byId("question-title"), title);
  say(byId("question-detail"), detail);
  const [sure, not] = [byId("question-yes"), byId("question-no")];
  say(sure, yes);
  return new Promise((answer) => {
    let agreed = false;
    const close = () => dialog.close();
    const agree = () => {
      agreed = true;
      close();
    };
    sure.addEventListener("click", agree);
    not.addEventListener("click", close);
    dialog.addEventListener(
      "close",
      () => {
        sure.removeEventListener("click", agree);
        not.removeEventListener("click", close);
        answer(agreed);
      },
      { once: true },
    );
    dialog.showModal();
    not.focus();
  });
}

/** A word in a pill, with a colour for what it means. */
export function chip() {
  const element = el("span", { className: "pill" });
  element.tell = (text, tone, hint = "") => {
    element.dataset.tone = tone;
    element.title = hint;
    say(element, text);
  };
  return element;
}

/** Keeps the children of an element in step with a list: each item has its own, which stays while the item does. */
export function keyed(parent, keyOf, make) {
  const known = new Map();
  return (items) => {
    const keys = new Set();
    const active = document.activeElement;
    items.forEach((item, at) => {
      const key = keyOf(item);
      keys.add(key);
      let entry = known.get(key);
      if (!entry) known.set(key, (entry = make(item)));
      entry.paint(item);
      if (parent.children[at] !== entry.element) parent.insertBefore(entry.element, parent.children[at] ?? null);
    });
    for (const [key, entry] of known) {
      if (keys.has(key)) continue;
      if (entry.element.contains(document.activeElement)) refocus(entry.element);
      entry.element.remove();
      known.delete(key);
    }
    // What is put in another place loses the focus.
    if (active !== document.activeElement && parent.contains(active)) active.focus({ preventScroll: true });
  };
}

/** What had the focus goes away: it goes on to the heading of the page, not to nowhere. */
function refocus(element) {
  const heading = element.closest("main")?.querySelector("h1");
  heading?.focus({ preventScroll: true });
}

/** Names and what they are, in two columns; `null` leaves one out. */
export function facts() {
  const element = el("dl", { className: "facts-list" });
  const paint = keyed(element, ([name]) => name, ([name]) => {
    const value = el("dd");
    return { element: el("div", {}, el("dt", { textContent: name }), value), paint: ([, text]) => (text instanceof Node ? value.firstChild !== text && value.replaceChildren(text) : say(value, String(text))) };
  });
  return { element, paint: (rows) => paint(rows.filter(([, value]) => value !== null && value !== undefined && value !== "")) };
}

export { announce, byId, el };
