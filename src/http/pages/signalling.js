// The HTTP half of WHIP (RFC 9725) and WHEP: requests whose failures are told in words, Link headers, events, waits.
//
// Nothing here touches the page or WebRTC, so it runs in any JavaScript engine that has fetch.

/** A failure in the words of whoever must act. `advice` says what to do; `retry` says whether waiting can help. */
export class Problem extends Error {
  /**
   * @param {object} about
   * @param {string} about.kind    "network", "unauthorized", "forbidden", "waiting", "conflict", "codec", "busy",
   *                               "refused", "browser", "device" or "server"
   * @param {string} about.title   what happened, one short sentence
   * @param {string} [about.detail] more, often the server's own words
   * @param {string} [about.advice] what to do about it
   * @param {number} [about.status] HTTP status, 0 where there was none
   * @param {?number} [about.retryAfter] milliseconds that the server asked to wait
   */
  constructor({ kind, title, detail = "", advice = "", status = 0, retryAfter = null }) {
    super(detail ? `${title}: ${detail}` : title);
    Object.assign(this, { name: "Problem", kind, title, detail, advice, status, retryAfter });
  }

  /** Whether the same request may succeed later without anyone changing anything. */
  get retry() {
    return ["network", "waiting", "conflict", "busy", "server"].includes(this.kind);
  }
}

/**
 * Sends one request and resolves to the response when its status is 2xx.
 *
 * @param {string|URL} url
 * @param {object} options
 * @param {"play"|"publish"} options.action what the visitor wants: the same status means different things
 * @param {string} [options.token] sent as `Authorization: Bearer`, never in the URL
 * @param {number} [options.timeout] milliseconds until the server counts as unreachable; 0 waits for ever
 * @throws {Problem} for every failure but an abort by `options.signal`
 */
export async function request(url, { action, token = "", timeout = 20_000, signal, headers = {}, ...rest }) {
  const authorization = token ? { Authorization: `Bearer ${token}` } : {};
  const limit = new AbortController();
  const stop = () => limit.abort(signal.reason);
  if (signal?.aborted) stop();
  signal?.addEventListener("abort", stop, { once: true });
  const timer = timeout ? setTimeout(() => limit.abort(new Error("timeout")), timeout) : 0;
  try {
    const response = await fetch(url, {
      cache: "no-store",
      ...rest,
      headers: { ...headers, ...authorization },
      signal: limit.signal,
    });
    if (response.ok) return response;
    throw await problemOf(response, action);
  } catch (error) {
    if (error instanceof Problem || signal?.aborted) throw error;
    throw new Problem({
      kind: "network",
      title: "The server does not answer",
      detail: navigator.onLine === false ? "This device is offline." : "",
      advice: "Check the network and that the server is running.",
    });
  } finally {
    // The signal stays tied to the response: an event stream is read long after this returns.
    clearTimeout(timer);
  }
}

/** Reads a refusal: the status decides its kind, problem+json (RFC 9457) its words. */
async function problemOf(response, action) {
  let said = {};
  if (/\bjson\b/.test(response.headers.get("Content-Type") ?? "")) {
    said = await response.json().catch(() => ({}));
  }
  const known = explain(response.status, action);
  return new Problem({
    ...known,
    detail: words(said.detail) || words(said.title),
    status: response.status,
    retryAfter: parseRetryAfter(response.headers.get("Retry-After"), Date.now()),
  });
}

/** What a status means for whoever wants to play or publish. */
export function explain(status, action) {
  const playing = action === "play";
  if (status === 401) {
    return { kind: "unauthorized", title: "A token is needed", advice: `Enter a token that may ${action} this stream.` };
  }
  if (status === 403) {
    return {
      kind: "forbidden",
      title: playing ? "You may not watch this stream" : "You may not publish under this name",
      advice: "Enter another token, or ask whoever runs the server for access.",
    };
  }
  if (playing && (status === 404 || status === 409)) {
    return { kind: "waiting", title: "Not live yet", advice: "The picture appears here as soon as someone publishes." };
  }
  if (status === 409) {
    return {
      kind: "conflict",
      title: "Someone already publishes under this name",
      advice: "Stop the other publisher, or choose another name.",
    };
  }
  if (status === 415 || status === 422 || status === 406) {
    return {
      kind: "codec",
      title: playing ? "This browser cannot play the stream's codec" : "The server does not take this codec",
      advice: playing ? "Try another browser, or publish as H.264 or VP8 with Opus." : "Choose another codec and start again.",
    };
  }
  if (status === 429 || status === 503 || status === 507) {
    return { kind: "busy", title: "The server is busy", advice: "It takes no more sessions now; waiting may help." };
  }
  if (status === 404) {
    return { kind: "refused", title: "There is no such place on the server", advice: "Check the stream's name." };
  }
  if (status === 400) {
    return { kind: "refused", title: "The server did not understand the request", advice: "Check the stream's name." };
  }
  if (status >= 500) return { kind: "server", title: `The server failed (${status})`, advice: "Its log says more." };
  return { kind: "refused", title: `The server refused (${status})`, advice: "" };
}

/**
 * Why the server ended a session, from its `ended` event; null where trying again is all there is to do.
 *
 * @param {{reason?: string, detail?: string}} said
 * @param {"play"|"publish"} action
 */
export function farewell(said, action) {
  const playing = action === "play";
  const about = {
    "access-expired": {
      kind: "forbidden",
      title: "Your access has ended",
      advice: "Enter another token, or ask whoever runs the server for access.",
    },
    "access-revoked": {
      kind: "forbidden",
      title: "Your access was taken back",
      advice: "Enter another token, or ask whoever runs the server for access.",
    },
    "limit-exceeded": {
      kind: "refused",
      title: playing ? "The stream's bitrate is above what you may watch" : "You send more than you may",
      advice: playing ? "" : "Choose a lower bitrate and start again.",
    },
    replaced: {
      kind: "refused",
      title: "Another publisher has taken the stream over",
      advice: "Start again to take it back.",
    },
    kicked: { kind: "refused", title: "The operator ended the session", advice: "" },
  }[said?.reason];
  return about ? new Problem({ ...about, detail: words(said.detail) }) : null;
}

/** Milliseconds named by a Retry-After header (seconds or an HTTP date), held between 0.5 s and 30 s; null if absent. */
export function parseRetryAfter(value, now) {
  if (!value) return null;
  const wait = /^\s*\d+\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isFinite(wait) ? Math.min(Math.max(wait, 500), 30_000) : null;
}

/** Milliseconds to wait before attempt number `attempt` (from 0): 0.5 s doubling to 10 s, spread by a fifth. */
export function backoff(attempt, random = Math.random()) {
  return Math.round(Math.min(500 * 2 ** Math.min(attempt, 10), 10_000) * (0.8 + 0.4 * random));
}

/** The links of a Link header: each its target as written, and its parameters by lower-case name. */
function linksOf(header) {
  const quoted = String.raw`"(?:[^"\\]|\\.)*"`;
  const links = new RegExp(String.raw`<([^>]*)>((?:\s*;?\s*[\w*-]+\s*=\s*(?:${quoted}|[^\s;,"]+))*)`, "g");
  const parameters = new RegExp(String.raw`([\w*-]+)\s*=\s*(${quoted}|[^\s;,"]+)`, "g");
  return [...(header ?? "").matchAll(links)].map(([, target, text]) => {
    const found = [...text.matchAll(parameters)].map(([, name, value]) => [
      name.toLowerCase(),
      value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value,
    ]);
    // Of two with one name the first counts (RFC 8288, 3.3).
    return { target, parameters: Object.fromEntries(found.toReversed()) };
  });
}

const hasRelation = (link, relation) => (link.parameters.rel ?? "").split(/\s+/).includes(relation);

/** The target of the first link with this relation in a Link header, resolved against `base`; null if there is none. */
export function findLink(header, relation, base) {
  const link = linksOf(header).find((candidate) => hasRelation(candidate, relation));
  return link ? new URL(link.target, base).href : null;
}

/** The STUN and TURN servers that a Link header announces (RFC 9725, 4.6), as RTCPeerConnection takes them. */
export function iceServersOf(header) {
  const servers = linksOf(header).filter((link) => hasRelation(link, "ice-server"));
  return servers.map(({ target, parameters: { username, credential } }) => ({
    urls: target,
    ...(username === undefined ? {} : { username, credential: credential ?? "" }),
  }));
}

/**
 * Gives a connection the servers of an answer. Call it before setLocalDescription: candidates are gathered from then on.
 * The servers that the page was given stay first.
 */
export function useIceServers(peer, header) {
  const announced = iceServersOf(header);
  if (!announced.length) return;
  const before = peer.getConfiguration();
  try {
    peer.setConfiguration({ ...before, iceServers: [...(before.iceServers ?? []), ...announced] });
  } catch (error) {
    // A server that this browser does not understand: the direct path may work all the same.
    console.warn(`the announced STUN and TURN servers can not be used: ${error.message}`);
  }
}

/** Where nothing arrives for so long after the device got another network, the path was cut off by that. */
const CUT_MS = 300;

/** A description with the ICE credentials of another one. */
export function withCredentials(sdp, other) {
  return ["ice-ufrag", "ice-pwd"].reduce((changed, name) => {
    const value = other.match(new RegExp(`^a=${name}:(.*?)\\r?$`, "m"))?.[1];
    return value ? changed.replace(new RegExp(`^a=${name}:.*?(\\r?)$`, "gm"), (_, end) => `a=${name}:${value}${end}`) : changed;
  }, sdp);
}

/**
 * Lets a session go on by another path when the device changes its network, as a phone does that leaves its Wi-Fi: ICE is
 * restarted (RFC 9725, 4.3.3), and media flows on within a few round trips.
 *
 * @param {RTCPeerConnection} peer
 * @param {object} session
 * @param {"play"|"publish"} session.action
 * @param {string} session.location the session's URL
 * @param {string} session.token
 * @param {AbortSignal} session.signal aborted at the session's end
 */
export function followNetwork(peer, { action, location, token, signal }) {
  let busy = false;
  const restart = async () => {
    peer.restartIce();
    const offer = await peer.createOffer();
    const sdp = action === "play" ? withStereo(offer.sdp) : offer.sdp;
    await peer.setLocalDescription({ type: "offer", sdp });
    const value = (name) => sdp.match(new RegExp(`^a=${name}:(.*?)\\r?$`, "m"))?.[1] ?? "";
    const response = await request(location, {
      action,
      method: "PATCH",
      token,
      signal,
      headers: { "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*" },
      body:
        `a=ice-ufrag:${value("ice-ufrag")}\r\na=ice-pwd:${value("ice-pwd")}\r\n` +
        `m=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:${value("mid")}\r\n`,
    });
    const answer = withCredentials(peer.remoteDescription.sdp, await response.text());
    await peer.setRemoteDescription({ type: "answer", sdp: answer });
  };
  const received = async () => {
    const pairs = [...(await peer.getStats()).values()].filter((entry) => entry.type === "candidate-pair");
    return pairs.reduce((bytes, pair) => bytes + (pair.bytesReceived ?? 0), 0);
  };
  const look = async () => {
    if (busy || signal.aborted || peer.connectionState === "connecting" || peer.signalingState !== "stable") return;
    busy = true;
    try {
      const before = await received();
      await new Promise((next) => setTimeout(next, CUT_MS));
      if (!signal.aborted && (await received()) === before) await restart();
    } catch (error) {
      // Whoever watches over the media gives the session up if it does not come back.
      if (!signal.aborted) console.warn(`ICE could not be restarted: ${error.message}`);
    } finally {
      busy = false;
    }
  };
  addEventListener("online", look, { signal });
  navigator.connection?.addEventListener?.("change", look, { signal });
  peer.addEventListener("connectionstatechange", () => peer.connectionState === "disconnected" && look(), { signal });
}

/** The absolute URL of a response's Location header. */
export function locationOf(response) {
  const location = response.headers.get("Location");
  if (location) return new URL(location, response.url).href;
  throw new Problem({
    kind: "server",
    title: "The server's answer names no session",
    detail: "The Location header is missing, or hidden from this page (Access-Control-Expose-Headers).",
  });
}

/**
 * The token for a request to `url`, of a session that was asked for at `endpoint`: none where a redirect led to another
 * origin. The browser drops it from the redirected request too.
 */
export function tokenFor(url, endpoint, token) {
  const origin = (address) => new URL(address, globalThis.location?.href).origin;
  return origin(url) === origin(endpoint) ? token : "";
}

/** Cuts a stream of server-sent event text into events. */
export class EventParser {
  #rest = "";
  #event = "";
  #id = "";
  #data = [];

  /**
   * Takes more text, returns the events that it completes, each `{event, data}` with `data` still a string, and with the `id` that
   * the server gave to it or to one before.
   */
  push(text) {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    // A server that never ends a line must not fill the memory: 64 KiB is far above any event of WHEP.
    if (this.#rest.length > 65_536) this.#rest = "";
    const events = [];
    for (const line of lines) {
      if (line === "") {
        const id = this.#id ? { id: this.#id } : {};
        if (this.#data.length) events.push({ event: this.#event || "message", data: this.#data.join("\n"), ...id });
        this.#event = "";
        this.#data = [];
        continue;
      }
      const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
      if (field === "event") this.#event = value;
      if (field === "id") this.#id = value;
      if (field === "data") this.#data.push(value);
    }
    return events;
  }
}

/**
 * Opens a WHEP event stream and calls `onEvent(name, data)` for each event until it ends.
 *
 * EventSource can send no Authorization header, therefore fetch. Resolves when the server ends the stream.
 */
export async function readEvents(url, { events, token, signal, onEvent }) {
  const created = await request(url, {
    action: "play",
    method: "POST",
    token,
    signal,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(events),
  });
  const stream = await request(locationOf(created), {
    action: "play",
    token,
    signal,
    timeout: 0,
    headers: { Accept: "text/event-stream" },
  });
  const parser = new EventParser();
  const reader = stream.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    for (const { event, data } of parser.push(value)) {
      let content = {};
      try {
        content = JSON.parse(data);
      } catch {
        // An event without JSON still tells something by its name.
      }
      onEvent(event, content);
    }
  }
}

/** Adds parameters to Opus in an SDP: browsers otherwise mix stereo down to one channel. */
export function withStereo(sdp) {
  const payload = /^a=rtpmap:(\d+) opus\/48000\/2\r?$/im.exec(sdp)?.[1];
  if (!payload) return sdp;
  const line = new RegExp(`^a=fmtp:${payload} (.*?)(\\r?)$`, "m");
  if (!line.test(sdp)) {
    return sdp.replace(new RegExp(`^(a=rtpmap:${payload} .*?)(\\r?)$`, "m"), `$1$2\na=fmtp:${payload} stereo=1;sprop-stereo=1$2`);
  }
  return sdp.replace(line, (whole, parameters, end) => {
    const kept = parameters.split(";").filter((entry) => !/^\s*(sprop-)?stereo=/.test(entry));
    return `a=fmtp:${payload} ${[...kept, "stereo=1", "sprop-stereo=1"].join(";")}${end}`;
  });
}

function words(value) {
  return typeof value === "string" ? value.slice(0, 500) : "";
}
