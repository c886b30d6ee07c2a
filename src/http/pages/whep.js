// Plays one live stream by WHEP into a <video>: negotiates, watches over the media, comes back by itself after failures.
//
// This is the part without a face; player.js wraps it in an element with controls and says how to use both.

import { playFigures } from "./figures.js";
import { backoff, farewell, findLink, followNetwork, locationOf, Problem, readEvents, request, tokenFor, useIceServers, withStereo } from "./signalling.js";

/** Relation of the WHEP extension that tells a player what happens to the stream. */
const EVENTS_RELATION = "urn:ietf:params:whep:ext:core:server-sent-events";
/** Relation of the one by which a viewer chooses among the layers of a stream. */
const LAYER_RELATION = "urn:ietf:params:whep:ext:core:layer";

/** Over HTTP/1.1 a browser opens six connections to a server; events of many players must not use them all up. */
const MAX_EVENT_STREAMS = 3;
let eventStreams = 0;

/** No media for this long shows as a pause. */
const STALLED_MS = 2_500;
/** No media for this long, and no word from the server why, makes a new session. */
const LOST_MS = 8_000;
/** Figures are taken each second; when they were not for this long, the page was not running. */
const ASLEEP_MS = 3_000;
/** Media this soon after the word that the publisher paused was sent before it. */
const LATE_MS = 1_000;
/** A connection that does not come back within this time is given up. */
const DISCONNECTED_MS = 3_000;
/** The word why a session ended may come so much later than its end. */
const FAREWELL_MS = 500;
/** ICE and DTLS take well under a second; whoever needs longer than this is cut off, by a firewall most likely. */
const CONNECT_MS = 15_000;

/**
 * Events: `state` [{name, title, detail, advice, retryAt}], `stats` [object] each second while a session runs,
 * `error` [Problem] for each failed attempt, `viewers` [number|null], `layers` [array, see Player.layers], `media` when a session's tracks are in the video
 * (play() is the caller's; an `autoplay` attribute does it too).
 *
 * States, as told by the `state` event and `player.state.name`:
 * - `idle`          not started, or stopped
 * - `connecting`    asking for the stream
 * - `live`          media arrives
 * - `paused`        the publisher sends nothing at the moment; the session stays
 * - `waiting`       the stream is not live; asks again at `retryAt`
 * - `reconnecting`  the connection was lost; asks again at `retryAt`
 * - `unauthorized`  a token is needed: set `player.token`, which tries again
 * - `failed`        waiting does not help; `retry()` tries again
 */
export class Player extends EventTarget {
  #video;
  #url;
  #token;
  #options;
  #stream = new MediaStream();
  #session = null;
  #next = null;
  #state = { name: "idle", title: "", detail: "", advice: "", retryAt: null };
  #attempt = 0;
  #retryTimer = 0;
  #pollTimer = 0;
  #latest = null;
  #viewers = null;
  #layers = [];
  #layer = "";
  #captureAges = [];
  #frameCallback = 0;

  /**
   * @param {HTMLVideoElement} video shows the stream; its `srcObject` belongs to the player from now on
   * @param {object} options
   * @param {string} options.url    the WHEP endpoint
   * @param {string} [options.token] bearer token
   * @param {number} [options.bufferMs] least jitter buffer in milliseconds, 0 to 4000; 0 for the lowest latency
   * @param {RTCIceServer[]} [options.iceServers] only needed for other servers than wasmcast
   * @param {boolean} [options.events] whether to read the server's events; default true
   */
  constructor(video, { url, token = "", bufferMs = 0, iceServers = [], events = true }) {
    super();
    this.#video = video;
    this.#url = url;
    this.#token = token;
    this.#options = { bufferMs, iceServers, events };
  }

  get state() {
    return this.#state;
  }

  get video() {
    return this.#video;
  }

  /** The RTCPeerConnection in use, or null. */
  get peer() {
    return this.#session?.peer ?? null;
  }

  /** Number of viewers, as far as the server tells; else null. */
  get viewers() {
    return this.#viewers;
  }

  /** The sizes that can be chosen from, as the server tells: `{rid, width, height, bitrate}`, 0 bits a second while not sent. */
  get layers() {
    return this.#layers;
  }

  /** The `rid` of the layer that was chosen; empty where the choice is the server's. */
  get layer() {
    return this.#layer;
  }

  /** Asks for one layer; empty leaves the choice to the server. */
  set layer(rid) {
    this.#layer = rid;
    this.#session?.choose(selection(this.#layers, rid)).catch((problem) => this.#dispatch("error", problem));
  }

  get url() {
    return this.#url;
  }

  set token(token) {
    this.#token = token;
    if (this.#state.name !== "idle") this.retry();
  }

  /** Begins to play, and to try again until stop(). */
  start() {
    if (this.#state.name !== "idle") return;
    this.#attempt = 0;
    this.#state = { ...this.#state, title: "", detail: "", advice: "", problem: null };
    addEventListener("online", this.#hurry);
    addEventListener("pagehide", this.#leave);
    addEventListener("pageshow", this.#comeBack);
    document.addEventListener("visibilitychange", this.#hurry);
    this.#video.addEventListener("playing", this.#seen);
    this.#pollTimer = setInterval(() => this.#poll(), 1000);
    this.#watchFrames();
    this.#connect();
  }

  /** Ends the session, on the server too. */
  stop() {
    removeEventListener("online", this.#hurry);
    removeEventListener("pagehide", this.#leave);
    removeEventListener("pageshow", this.#comeBack);
    document.removeEventListener("visibilitychange", this.#hurry);
    this.#video.removeEventListener("playing", this.#seen);
    clearInterval(this.#pollTimer);
    this.#video.cancelVideoFrameCallback?.(this.#frameCallback);
    this.#drop();
    this.#enter("idle");
  }

  /** Tries at once instead of at `retryAt`; a running session is replaced. */
  retry() {
    this.#attempt = 0;
    this.#connect();
  }

  /** A plain object with every figure now; see figures.js for names and units. Figures without a session are null. */
  async stats() {
    const common = { state: this.#state.name, viewers: this.#viewers, url: String(this.#url) };
    if (!this.#session) return { ...common, ...playFigures([], null).figures };
    const { figures } = await this.#session.measure(this.#captureMs(), false);
    return { ...common, ...figures };
  }

  // Each attempt makes a session of its own. The one before goes on until the new one has media, so that a server
  // that asks its viewers to move (`reconnect`) is left without a gap.
  async #connect(url = this.#url) {
    clearTimeout(this.#retryTimer);
    this.#next?.close();
    const session = new Session(url, { ...this.#options, token: this.#token });
    this.#next = session;
    session.onmedia = () => this.#adopt(session);
    session.onlost = (problem) => this.#lost(session, problem);
    session.onevent = (name, data) => this.#heard(session, name, data);
    if (!this.#session) this.#enter(this.#attempt ? this.#state.name : "connecting", { ...this.#state, retryAt: null });
    try {
      await session.open();
    } catch (problem) {
      if (this.#next === session) this.#refused(problem);
    }
  }

  #adopt(session) {
    if (this.#next !== session) return;
    const old = this.#session;
    this.#session = session;
    this.#next = null;
    this.#latest = null;
    this.#captureAges = [];
    // The same MediaStream keeps the last picture on the screen while its tracks change.
    const fresh = session.tracks;
    for (const track of this.#stream.getTracks()) this.#stream.removeTrack(track);
    for (const track of fresh) this.#stream.addTrack(track);
    // Not before there is media: an element with an empty stream would hold up the page's load event.
    if (this.#video.srcObject !== this.#stream) this.#video.srcObject = this.#stream;
    this.#dispatch("media");
    old?.close();
    if (this.#layer) this.layer = this.#layer;
    if (session.bytes > 0) this.#seen();
  }

  #seen = () => {
    if (!this.#session || this.#state.name === "live") return;
    this.#session.pausedAt = null;
    this.#attempt = 0;
    this.#enter("live");
  };

  #lost(session, problem) {
    if (session !== this.#session && session !== this.#next) return;
    if (session === this.#next && this.#session) return this.#refused(problem);
    if (this.#next && session === this.#session) {
      // The server asked to move, and the next session is on its way.
      session.close();
      this.#session = null;
      return this.#enter("reconnecting", { title: problem.title, detail: problem.detail });
    }
    this.#drop();
    this.#later(problem);
  }

  #refused(problem) {
    this.#next?.close();
    this.#next = null;
    this.#dispatch("error", problem);
    // A viewer who still has a picture keeps it; the old session tells when it ends.
    if (this.#session && this.#state.name === "live") return;
    this.#drop();
    this.#later(problem);
  }

  #later(problem) {
    const { kind, title, detail, advice } = problem;
    const about = { title, detail, advice, problem };
    if (kind === "unauthorized" || kind === "forbidden") return this.#enter("unauthorized", about);
    if (!problem.retry) return this.#enter("failed", about);
    const wait = problem.retryAfter ?? (kind === "waiting" ? 2_000 : backoff(this.#attempt));
    this.#attempt += 1;
    this.#enter(kind === "waiting" ? "waiting" : "reconnecting", { ...about, retryAt: Date.now() + wait });
    this.#retryTimer = setTimeout(() => this.#connect(), wait);
  }

  #heard(session, name, data) {
    if (session !== this.#session && session !== this.#next) return;
    if (name === "viewercount" && Number.isInteger(data.viewercount)) {
      this.#viewers = data.viewercount;
      this.#dispatch("viewers", data.viewercount);
    } else if (name === "layers") {
      const [list = []] = Object.values(data);
      this.#layers = choices(list);
      this.#dispatch("layers", this.#layers);
    } else if (name === "inactive") {
      session.pausedAt = performance.now();
      this.#enter("paused", PAUSED);
    } else if (name === "active") {
      session.pausedAt = null;
    } else if (name === "reconnect") {
      this.#attempt = 0;
      this.#connect(data.url ? new URL(data.url, this.#url) : this.#url);
    } else if (name === "ended") {
      const problem = farewell(data, "play");
      if (problem) this.#lost(session, problem);
    }
  }

  async #poll() {
    const session = this.#session;
    if (!session) return;
    const { figures, grewAt } = await session.measure(this.#captureMs(), true);
    if (session !== this.#session) return;
    const idleMs = performance.now() - grewAt;
    // Packets that were under way when the publisher paused do not mean that it is back.
    const late = session.pausedAt !== null && grewAt < session.pausedAt + LATE_MS;
    this.#latest = { state: this.#state.name, viewers: this.#viewers, ...figures };
    this.#dispatch("stats", this.#latest);
    if (idleMs < 1500 && figures.bytesReceived > 0 && !late) {
      this.#seen();
    } else if (idleMs > LOST_MS && session.pausedAt === null && !this.#next) {
      this.#drop();
      this.#later(new Problem({ kind: "network", title: "The connection was lost", detail: "No media arrives any more." }));
    } else if (idleMs > STALLED_MS && this.#state.name === "live") {
      this.#enter("paused", STALLED);
    }
  }

  #watchFrames() {
    if (!this.#video.requestVideoFrameCallback) return;
    const each = (now, frame) => {
      if (frame.captureTime) this.#captureAges.push(frame.expectedDisplayTime - frame.captureTime);
      if (this.#captureAges.length > 60) this.#captureAges.shift();
      this.#frameCallback = this.#video.requestVideoFrameCallback(each);
    };
    this.#frameCallback = this.#video.requestVideoFrameCallback(each);
  }

  #captureMs() {
    const ages = this.#captureAges.toSorted((a, b) => a - b);
    return ages.length ? ages[ages.length >> 1] : null;
  }

  #hurry = () => {
    if (document.hidden || navigator.onLine === false) return;
    if (["waiting", "reconnecting"].includes(this.#state.name) && !this.#next) this.#connect();
  };

  #leave = () => this.#drop();

  #comeBack = (event) => {
    if (event.persisted && this.#state.name !== "idle") this.retry();
  };

  #drop() {
    clearTimeout(this.#retryTimer);
    this.#next?.close();
    this.#session?.close();
    this.#next = this.#session = null;
    if (this.#viewers !== null) this.#dispatch("viewers", (this.#viewers = null));
  }

  #enter(name, { title = "", detail = "", advice = "", retryAt = null, problem = null } = {}) {
    this.#state = { name, title, detail, advice, retryAt, problem };
    this.#dispatch("state", this.#state);
  }

  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

const PAUSED = {
  title: "The publisher is away",
  advice: "The picture goes on as soon as the publisher does.",
};

const STALLED = {
  title: "Nothing arrives at the moment",
  advice: "The publisher has paused, or the network has. It goes on by itself.",
};

/** Browsers put the spatial layers of AV1 together by this alone, and offer it only where a page says so. */
const DEPENDENCIES = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

function offerDependencies(transceiver) {
  const extensions = transceiver.getHeaderExtensionsToNegotiate?.() ?? [];
  const dependencies = extensions.find(({ uri }) => uri === DEPENDENCIES);
  if (!dependencies) return;
  dependencies.direction = "sendrecv";
  transceiver.setHeaderExtensionsToNegotiate(extensions);
}

/** Each rendition or size once, at its full frame rate: layers come lowest first. Sizes of one picture have no rid of their own. */
function choices(list) {
  const named = list.map((layer) => ({ ...layer, rid: layer.rid ?? `s${layer.spatialLayerId}` }));
  const each = [...new Map(named.map((layer) => [layer.rid, layer])).values()];
  return each.length > 1 ? each : [];
}

function selection(layers, rid) {
  if (!rid) return {};
  const layer = layers.find((layer) => layer.rid === rid);
  return layer && !layer.encodingId ? { spatialLayerId: layer.spatialLayerId } : { encodingId: rid };
}

/** One WHEP session, from the offer to DELETE. It never comes back: whoever wants the stream again makes another. */
class Session {
  onmedia = () => {};
  onlost = () => {};
  onevent = () => {};
  /** When the server said that the publisher sends nothing, by performance.now(); null while it sends. */
  pausedAt = null;
  bytes = 0;
  #url;
  #options;
  #location = null;
  #layerUrl = null;
  /** For requests about the session. */
  #token = "";
  #ended = new AbortController();
  #counters = null;
  #grewAt = performance.now();
  #measuredAt = performance.now();
  #listening = false;
  #timers = [];

  constructor(url, options) {
    this.#url = url;
    this.#options = options;
    if (!globalThis.RTCPeerConnection) return;
    this.peer = new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers: options.iceServers });
    this.peer.onconnectionstatechange = () => this.#connectionChanged();
    for (const kind of ["audio", "video"]) {
      const transceiver = this.peer.addTransceiver(kind, { direction: "recvonly" });
      offerDependencies(transceiver);
      const { receiver } = transceiver;
      if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = options.bufferMs;
      else if ("playoutDelayHint" in receiver) receiver.playoutDelayHint = options.bufferMs / 1000;
    }
  }

  /** The tracks that the server sends. */
  get tracks() {
    return this.peer
      .getTransceivers()
      .filter((transceiver) => transceiver.currentDirection?.includes("recv"))
      .map((transceiver) => transceiver.receiver.track);
  }

  async open() {
    if (!this.peer) {
      throw new Problem({ kind: "browser", title: "This browser has no WebRTC", advice: "Use a current browser." });
    }
    const { signal } = this.#ended;
    const { token } = this.#options;
    const offer = await this.peer.createOffer();
    const sdp = withStereo(offer.sdp);
    const response = await request(this.#url, {
      action: "play",
      method: "POST",
      token,
      signal,
      headers: { "Content-Type": "application/sdp", Accept: "application/sdp" },
      // The server is ICE-lite and answers with all its candidates: it needs none of ours, so nothing is waited for.
      body: sdp,
      // It may hold a viewer for up to a minute until the stream comes.
      timeout: 70_000,
    });
    this.#location = locationOf(response);
    this.#layerUrl = findLink(response.headers.get("Link"), LAYER_RELATION, response.url);
    this.#token = tokenFor(this.#location, this.#url, token);
    if (signal.aborted) return this.#delete();
    // Gathering starts with the local description, and by now it is known which TURN servers there are.
    useIceServers(this.peer, response.headers.get("Link"));
    await this.peer.setLocalDescription({ type: "offer", sdp });
    await this.peer.setRemoteDescription({ type: "answer", sdp: await response.text() });
    if (signal.aborted) return;
    for (const { transport } of this.peer.getReceivers()) {
      // close_notify leaves the connection "connected" until ICE fails half a minute later; DTLS knows at once.
      transport?.addEventListener("statechange", () => {
        if (["closed", "failed"].includes(transport.state)) {
          this.#after(this.#listening ? FAREWELL_MS : 0, () => this.#lose("The server ended the session."));
        }
      });
    }
    this.#after(CONNECT_MS, () => {
      if (this.peer.connectionState === "connected") return;
      this.#lose("No media path: the server's media port is blocked, or its public address is wrong.");
    });
    followNetwork(this.peer, { action: "play", location: this.#location, token: this.#token, signal });
    const events = this.#options.events && findLink(response.headers.get("Link"), EVENTS_RELATION, response.url);
    if (events) this.#listen(events);
  }

  /** Figures now; `grewAt` is when the last media was seen. `advance` makes this the base of the next rates. */
  async measure(captureMs, advance) {
    const reports = (await this.peer.getStats()).values();
    const { figures, counters } = playFigures(reports, this.#counters, { captureMs });
    // A page that was asleep, or a machine that was, can not tell how long nothing came.
    const now = performance.now();
    const asleep = now - this.#measuredAt > ASLEEP_MS;
    this.#measuredAt = now;
    if (asleep) this.#grewAt = now;
    if (figures.bytesReceived > this.bytes) {
      this.bytes = figures.bytesReceived;
      this.#grewAt = performance.now();
    }
    if (advance) this.#counters = counters;
    return { figures, grewAt: this.#grewAt };
  }

  async choose(selection) {
    if (!this.#layerUrl) return;
    await request(this.#layerUrl, {
      action: "play",
      method: "POST",
      token: this.#token,
      signal: this.#ended.signal,
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(selection),
    });
  }

  close() {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    this.#timers.forEach(clearTimeout);
    this.peer?.close();
    if (this.#location) this.#delete();
  }

  #delete() {
    // keepalive lets the request outlive the page; a failure has nobody left to care, the server times out by itself.
    request(this.#location, { action: "play", method: "DELETE", token: this.#token, keepalive: true }).catch(() => {});
  }

  #connectionChanged() {
    const { connectionState } = this.peer;
    if (connectionState === "connected") {
      this.#grewAt = performance.now();
      this.onmedia();
    } else if (connectionState === "failed") {
      this.#lose("");
    } else if (connectionState === "disconnected") {
      this.#after(DISCONNECTED_MS, () => {
        if (this.peer.connectionState === "disconnected") this.#lose("Nothing arrives from the server.");
      });
    }
  }

  async #listen(url, attempt = 0) {
    const { signal } = this.#ended;
    if (eventStreams >= MAX_EVENT_STREAMS && location.protocol !== "https:") return;
    eventStreams += 1;
    this.#listening = true;
    try {
      await readEvents(url, {
        events: ["active", "inactive", "layers", "viewercount", "reconnect", "ended"],
        token: this.#token,
        signal,
        onEvent: (name, data) => {
          attempt = 0;
          if (!signal.aborted) this.onevent(name, data);
        },
      });
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem && error.status >= 400 && error.status < 500) return;
    } finally {
      eventStreams -= 1;
      this.#listening = false;
    }
    if (!signal.aborted) this.#after(backoff(attempt), () => this.#listen(url, attempt + 1));
  }

  #lose(detail) {
    if (this.#ended.signal.aborted) return;
    this.onlost(new Problem({ kind: "network", title: "The connection was lost", detail }));
  }

  #after(wait, act) {
    this.#timers.push(
      setTimeout(() => {
        if (!this.#ended.signal.aborted) act();
      }, wait),
    );
  }
}
