// Publishes a MediaStream by WHIP (RFC 9725): negotiates, holds the bitrate, comes back by itself after failures.
//
//     import { Publisher } from "https://media.example/assets/publisher.js";
//     const publisher = new Publisher({ url: "https://media.example/whip/live/cam1", token });
//     publisher.addEventListener("state", ({ detail }) => console.log(detail.name, detail.title));
//     await publisher.start(await navigator.mediaDevices.getUserMedia({ audio: true, video: true }));
//     ...
//     publisher.stop();
//
// Events: `state` [{name, title, detail, advice, retryAt}], `stats` [object] each second, `error` [Problem].
// State names: idle, connecting, live, reconnecting, unauthorized (set `token`), failed.
// The stream stays the caller's: stop() does not stop its tracks.

import { publishFigures } from "./figures.js";
import { backoff, farewell, followNetwork, locationOf, Problem, readEvents, request, tokenFor, useIceServers, withStereo } from "./signalling.js";

const DISCONNECTED_MS = 4_000;
const CONNECT_MS = 15_000;
/** The word why a session ended may come so much later than its end. */
const FAREWELL_MS = 500;
/** How often someone else's stream of the same name is met before giving up: our own old session needs a moment. */
const MAX_CONFLICTS = 4;

export class Publisher extends EventTarget {
  #url;
  #token;
  #settings;
  #stream = null;
  #peer = null;
  #location = null;
  #state = { name: "idle", title: "", detail: "", advice: "", retryAt: null };
  #run = 0;
  #wasLive = false;
  #attempt = 0;
  #conflicts = 0;
  #timers = new Set();
  #pollTimer = 0;
  #counters = null;
  #abort = null;

  /**
   * @param {object} options
   * @param {string} options.url     the WHIP endpoint
   * @param {string} [options.token] bearer token
   * @param {string} [options.codec] h264, h265, vp8, vp9 or av1: the only one offered; "" lets the server choose
   * @param {number} [options.maxKbps] the video's highest bitrate; 0 lets the browser choose
   * @param {number} [options.maxFps]  0 sends what the source gives
   * @param {string} [options.degradation] what gives way on a bad network: RTCDegradationPreference
   * @param {RTCIceServer[]} [options.iceServers] only needed for other servers than wasmcast
   */
  constructor({ url, token = "", codec = "", maxKbps = 0, maxFps = 0, degradation = "balanced", iceServers = [] }) {
    super();
    this.#url = url;
    this.#token = token;
    this.#settings = { codec, maxKbps, maxFps, degradation, iceServers };
  }

  get state() {
    return this.#state;
  }

  /** The RTCPeerConnection in use, or null. */
  get peer() {
    return this.#peer;
  }

  get url() {
    return this.#url;
  }

  set token(token) {
    this.#token = token;
    if (this.#stream && this.#state.name !== "live") this.retry();
  }

  /** Publishes `stream` until stop(); resolves when the first attempt has ended, well or not (see `state`). */
  async start(stream) {
    this.#stream = stream;
    addEventListener("pagehide", this.#leave);
    addEventListener("online", this.#hurry);
    clearInterval(this.#pollTimer);
    this.#pollTimer = setInterval(() => this.#poll(), 1000);
    this.#attempt = this.#conflicts = 0;
    await this.#connect();
  }

  /** Ends the session, on the server too. */
  stop() {
    removeEventListener("pagehide", this.#leave);
    removeEventListener("online", this.#hurry);
    clearInterval(this.#pollTimer);
    this.#drop({ end: true });
    this.#stream = null;
    this.#enter("idle");
  }

  /** Tries at once instead of at `retryAt`. */
  retry() {
    this.#attempt = this.#conflicts = 0;
    return this.#connect();
  }

  /** Sends other tracks in the same session; needs tracks of the kinds that start() had. */
  async replace(stream) {
    this.#stream = stream;
    for (const transceiver of this.#peer?.getTransceivers() ?? []) {
      const { kind } = transceiver.receiver.track;
      const track = stream.getTracks().find((candidate) => candidate.kind === kind) ?? null;
      await transceiver.sender.replaceTrack(track);
    }
    await this.#limit();
  }

  /** Changes `maxKbps`, `maxFps` or `degradation` while live. */
  async adjust(settings) {
    Object.assign(this.#settings, settings);
    await this.#limit();
  }

  /** A plain object with every figure now; see figures.js for names and units. */
  async stats() {
    const reports = this.#peer ? (await this.#peer.getStats()).values() : [];
    const { figures } = publishFigures(reports, this.#counters);
    return { state: this.#state.name, url: String(this.#url), ...figures };
  }

  async #connect() {
    this.#drop();
    const run = this.#run;
    const current = () => run === this.#run;
    this.#abort = new AbortController();
    this.#enter(this.#attempt ? "reconnecting" : "connecting", this.#attempt ? { ...this.#state, retryAt: null } : {});
    try {
      if (!globalThis.RTCPeerConnection) {
        throw new Problem({ kind: "browser", title: "This browser has no WebRTC", advice: "Use a current browser." });
      }
      const peer = this.#open(current);
      // The server is ICE-lite and answers with all its candidates: it needs none of ours, so nothing is waited for.
      const offer = await peer.createOffer();
      const response = await request(this.#url, {
        action: "publish",
        method: "POST",
        token: this.#token,
        signal: this.#abort.signal,
        headers: { "Content-Type": "application/sdp", Accept: "application/sdp" },
        body: withStereo(offer.sdp),
      });
      const location = locationOf(response);
      if (!current()) return this.#delete(location);
      this.#location = location;
      // Gathering starts with the local description, and by now it is known which TURN servers there are.
      useIceServers(peer, response.headers.get("Link"));
      await peer.setLocalDescription(offer);
      await peer.setRemoteDescription({ type: "answer", sdp: withStereo(await response.text()) });
      if (!current()) return;
      await this.#limit();
      this.#watch(peer, current);
      this.#listen(location, current);
      const token = tokenFor(location, this.#url, this.#token);
      followNetwork(peer, { action: "publish", location, token, signal: this.#abort.signal });
    } catch (error) {
      if (current()) this.#refused(error instanceof Problem ? error : unexpected(error));
    }
  }

  #open(current) {
    const { codec, iceServers } = this.#settings;
    const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers });
    this.#peer = peer;
    for (const track of this.#stream.getTracks()) {
      const transceiver = peer.addTransceiver(track, { direction: "sendonly", streams: [this.#stream] });
      if (track.kind === "video" && codec) {
        const chosen = codecsFor(codec);
        if (!chosen.length) {
          throw new Problem({
            kind: "codec",
            title: `This browser cannot send ${codec.toUpperCase()}`,
            advice: "Choose another codec and start again.",
          });
        }
        transceiver.setCodecPreferences?.(chosen);
      }
    }
    peer.onconnectionstatechange = () => {
      if (!current()) return;
      if (peer.connectionState === "connected") {
        this.#attempt = this.#conflicts = 0;
        this.#wasLive = true;
        this.#enter("live");
      } else if (peer.connectionState === "failed") {
        this.#lose("");
      } else if (peer.connectionState === "disconnected") {
        this.#after(DISCONNECTED_MS, () => {
          if (peer.connectionState === "disconnected") this.#lose("Nothing arrives from the server.");
        });
      }
    };
    return peer;
  }

  #watch(peer, current) {
    for (const { transport } of peer.getSenders()) {
      // close_notify leaves the connection "connected" until ICE fails half a minute later; DTLS knows at once.
      transport?.addEventListener("statechange", () => {
        if (!current() || !["closed", "failed"].includes(transport.state)) return;
        this.#after(FAREWELL_MS, () => this.#lose("The server ended the session."));
      });
    }
    this.#after(CONNECT_MS, () => {
      if (peer.connectionState === "connected") return;
      this.#lose("No media path: the server's media port is blocked, or its public address is wrong.");
    });
  }

  /** Hears why the server ends the session; without this word it shows as a lost connection. */
  async #listen(session, current) {
    const problem = await new Promise((resolve) => {
      const onEvent = (name, data) => name === "ended" && resolve(farewell(data, "publish"));
      const token = tokenFor(session, this.#url, this.#token);
      const options = { events: ["ended"], token, signal: this.#abort.signal, onEvent };
      readEvents(`${session}/events`, options).then(() => resolve(null), () => resolve(null));
    });
    if (problem && current()) this.#refused(problem);
  }

  async #limit() {
    const { maxKbps, maxFps, degradation } = this.#settings;
    for (const sender of this.#peer?.getSenders() ?? []) {
      if (sender.track?.kind !== "video") continue;
      const parameters = sender.getParameters();
      // Firefox has no encodings before the negotiation and knows no degradationPreference.
      for (const encoding of parameters.encodings ?? []) {
        if (maxKbps) encoding.maxBitrate = maxKbps * 1000;
        else delete encoding.maxBitrate;
        if (maxFps) encoding.maxFramerate = maxFps;
        else delete encoding.maxFramerate;
      }
      parameters.degradationPreference = degradation;
      await sender.setParameters(parameters).catch(() => {});
    }
  }

  #lose(detail) {
    this.#refused(new Problem({ kind: "network", title: "The connection was lost", detail }));
  }

  #refused(problem) {
    this.#drop();
    this.dispatchEvent(new CustomEvent("error", { detail: problem }));
    const { kind, title, detail, advice } = problem;
    const about = { title, detail, advice, problem };
    if (kind === "unauthorized" || kind === "forbidden") return this.#enter("unauthorized", about);
    if (!problem.retry || (kind === "conflict" && ++this.#conflicts > MAX_CONFLICTS)) return this.#enter("failed", about);
    const wait = problem.retryAfter ?? backoff(this.#attempt);
    this.#attempt += 1;
    this.#enter("reconnecting", { ...about, retryAt: Date.now() + wait });
    this.#after(wait, () => this.#connect());
  }

  async #poll() {
    const peer = this.#peer;
    if (!peer || this.#state.name !== "live") return;
    const { figures, counters } = publishFigures((await peer.getStats()).values(), this.#counters);
    if (peer !== this.#peer) return;
    this.#counters = counters;
    this.dispatchEvent(new CustomEvent("stats", { detail: { state: this.#state.name, ...figures } }));
  }

  #hurry = () => {
    if (this.#state.name === "reconnecting" && !this.#peer) this.#connect();
  };

  #leave = () => {
    this.#drop();
    this.#enter("idle");
  };

  // A session that was live is left without DELETE unless the stream is to end: the server keeps the stream, and its
  // viewers, for a publisher that comes back soon, from a page that is loaded anew too.
  #drop({ end = false } = {}) {
    this.#run += 1;
    this.#timers.forEach(clearTimeout);
    this.#timers.clear();
    this.#abort?.abort();
    this.#peer?.close();
    this.#peer = this.#counters = null;
    if (this.#location && (end || !this.#wasLive)) this.#delete(this.#location);
    this.#location = null;
    this.#wasLive = false;
  }

  #delete(location) {
    // keepalive lets the request outlive the page; a failure has nobody left to care, the server times out by itself.
    const token = tokenFor(location, this.#url, this.#token);
    request(location, { action: "publish", method: "DELETE", token, keepalive: true }).catch(() => {});
  }

  #after(wait, act) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, wait);
    this.#timers.add(timer);
  }

  #enter(name, { title = "", detail = "", advice = "", retryAt = null, problem = null } = {}) {
    this.#state = { name, title, detail, advice, retryAt, problem };
    this.dispatchEvent(new CustomEvent("state", { detail: this.#state }));
  }
}

/** Video codecs that this browser can send, by the names of Publisher's `codec`. */
export function sendableCodecs() {
  const known = new Map([["H264", "h264"], ["VP8", "vp8"], ["VP9", "vp9"], ["AV1", "av1"], ["H265", "h265"]]);
  const codecs = globalThis.RTCRtpSender?.getCapabilities?.("video")?.codecs ?? [];
  const names = codecs.map(({ mimeType }) => known.get(mimeType.split("/")[1].toUpperCase()));
  return [...new Set(names.filter(Boolean))];
}

/** The one codec, with retransmission; nothing else, since the server picks by its own order from what is offered. */
function codecsFor(name) {
  const codecs = RTCRtpSender.getCapabilities("video")?.codecs ?? [];
  const chosen = codecs.filter(({ mimeType }) => mimeType.toLowerCase() === `video/${name}`);
  return chosen.length ? [...chosen, ...codecs.filter(({ mimeType }) => /\/rtx$/i.test(mimeType))] : [];
}

function unexpected(error) {
  return new Problem({
    kind: "browser",
    title: "The browser could not set up the stream",
    detail: error?.message ?? "",
    advice: "Choose another codec or a smaller picture, and start again.",
  });
}
