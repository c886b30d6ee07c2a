// Requests to the operator's API: the token goes along, and every failure is told in words.

import { EventParser } from "../signalling.js";

const KEY = "wasmcast.token.admin";

/** A request that failed: `title` and `detail` are sentences to show, `status` is 0 where nobody answered. */
export class Refusal extends Error {
  constructor(title, detail = "", status = 0) {
    super([title, detail].filter(Boolean).join(": "));
    Object.assign(this, { name: "Refusal", title, detail, status });
  }
}

/** The token of this tab; gone when the tab is closed. */
export const token = {
  value: remembered(),
  keep(value) {
    this.value = value;
    try {
      if (value) sessionStorage.setItem(KEY, value);
      else sessionStorage.removeItem(KEY);
    } catch {
      // Storage is off: the token holds until the page is left.
    }
  },
};

function remembered() {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

const listeners = new Set();
/** Calls back when the server wants a token, or another one. */
export const onLocked = (listener) => listeners.add(listener);

const authorization = () => (token.value ? { Authorization: `Bearer ${token.value}` } : {});

/** GET of JSON. */
export const get = async (path, options) => (await request(path, options)).json();

/** A request that changes something. */
export async function send(method, path, body) {
  const headers = { "X-Wasmcast": "1", ...(body === undefined ? {} : { "Content-Type": "application/json" }) };
  const response = await request(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), timeout: 60_000 });
  return response.status === 204 ? null : response.json().catch(() => null);
}

async function request(path, { method = "GET", headers = {}, body, signal, timeout = 10_000 } = {}) {
  const limit = new AbortController();
  const stop = () => limit.abort();
  if (signal?.aborted) stop();
  signal?.addEventListener("abort", stop, { once: true });
  const timer = timeout ? setTimeout(stop, timeout) : 0;
  let response;
  try {
    response = await fetch(path, { method, body, cache: "no-store", headers: { ...headers, ...authorization() }, signal: limit.signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refusal("The server does not answer", "Check that it runs and that this device reaches its admin listener.");
  } finally {
    clearTimeout(timer);
  }
  if (response.ok) return response;
  throw judged(response.status, await response.text().catch(() => ""));
}

function judged(status, text) {
  let said = {};
  try {
    said = JSON.parse(text);
  } catch {
    // A proxy's page says nothing that helps.
  }
  const refusal = new Refusal(words(said.title) || `The server answered ${status}`, words(said.detail), status);
  return status === 401 ? locked(refusal) : refusal;
}

const words = (value) => (typeof value === "string" ? value : "");

function locked(refusal) {
  for (const listener of listeners) listener(refusal);
  return refusal;
}

/** Sends a file, and tells how much of it is on its way, from 0 to 1. Resolves to the status code and what the server says. */
export function upload(path, file, type, onProgress) {
  return new Promise((done, failed) => {
    // fetch tells nothing of what was sent so far.
    const sending = new XMLHttpRequest();
    sending.open("PUT", path);
    sending.setRequestHeader("X-Wasmcast", "1");
    sending.setRequestHeader("Content-Type", type);
    for (const [name, value] of Object.entries(authorization())) sending.setRequestHeader(name, value);
    sending.upload.addEventListener("progress", ({ loaded, total }) => onProgress(total ? loaded / total : 1));
    sending.addEventListener("error", () => failed(new Refusal("The file did not arrive", "The connection broke off. What is in service stays.")));
    sending.addEventListener("load", () => {
      if (sending.status < 200 || sending.status > 299) return failed(judged(sending.status, sending.responseText));
      let said = {};
      try {
        said = JSON.parse(sending.responseText);
      } catch {
        // The status code says enough.
      }
      done({ status: sending.status, said });
    });
    sending.send(file);
  });
}

/**
 * Follows an event stream until it ends, from the event after `lastId` on. EventSource can send no Authorization header.
 * Calls `onOpen()` when it is there and `onEvent({id, event, data})` for each event.
 */
export async function follow(path, { lastId, signal, onOpen, onEvent }) {
  const resume = lastId ? { "Last-Event-ID": lastId } : {};
  const response = await request(path, { headers: { Accept: "text/event-stream", ...resume }, signal, timeout: 0 });
  if (!/^text\/event-stream/.test(response.headers.get("Content-Type") ?? "")) throw new Refusal("This is no event stream");
  onOpen();
  const parser = new EventParser();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    parser.push(value).forEach(onEvent);
  }
}
