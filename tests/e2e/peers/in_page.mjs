// Functions that run inside the page. Each is sent as text, so each is complete in itself.

// Keeps hold of every peer connection and every WHIP or WHEP session the page makes.
export function prelude({ relay }) {
  const fetched = window.fetch;
  window.sessions = [];
  window.offers = [];
  window.fetch = async (...settings) => {
    const response = await fetched(...settings);
    const offered = settings[1]?.headers?.["Content-Type"] === "application/sdp";
    if (offered) window.offers.push(response.status);
    const made = response.status === 201 && response.headers.get("content-type")?.startsWith("application/sdp");
    if (made) window.sessions.push(new URL(response.headers.get("location"), response.url).href);
    return response;
  };
  const Original = window.RTCPeerConnection;
  window.peerConnections = [];
  window.RTCPeerConnection = class extends Original {
    constructor(settings, ...others) {
      super(relay ? { ...settings, iceTransportPolicy: "relay" } : settings, ...others);
      window.peerConnections.push(this);
    }
  };
}

// Resolves when a peer connection is connected and media has been sent.
export async function connected(patience) {
  const end = performance.now() + patience * 1000;
  for (;;) {
    for (const peer of window.peerConnections) {
      const stats = [...(await peer.getStats()).values()];
      const sent = stats.filter((entry) => entry.type === "outbound-rtp" && entry.packetsSent > 0);
      if (peer.connectionState === "connected" && sent.length > 0) {
        return { ready: true, sending: sent.map((entry) => entry.kind) };
      }
    }
    if (performance.now() > end) {
      return { ready: false, states: window.peerConnections.map((peer) => peer.connectionState), text: document.body.innerText };
    }
    await new Promise((next) => requestAnimationFrame(next));
  }
}

// What the page's player is at, and what its connection has received.
export async function observe() {
  const player = window.wasmcast?.player?.player;
  const peer = player?.peer;
  const element = document.querySelector("wasmcast-player")?.video;
  if (element && !window.shown) {
    // Each frame that is shown: when, its RTP timestamp, its width.
    window.shown = [];
    const look = (now, { rtpTimestamp, width }) => {
      window.shown.push([performance.timeOrigin + now, rtpTimestamp, width]);
      element.requestVideoFrameCallback(look);
    };
    element.requestVideoFrameCallback(look);
  }
  const seen = {
    shown: window.shown?.splice(0) ?? [],
    state: player?.state.name ?? null,
    title: player?.state.title ?? null,
    // Statuses of the offers that were answered so far, and how many sessions came of them.
    offers: window.offers,
    sessions: window.sessions.length,
    played: document.querySelector("wasmcast-player")?.video.currentTime ?? 0,
    iceServers: window.peerConnections.at(-1)?.getConfiguration().iceServers ?? [],
  };
  for (const entry of peer ? (await peer.getStats()).values() : []) {
    if (entry.type !== "inbound-rtp") continue;
    if (entry.kind === "video") {
      Object.assign(seen, { frames: entry.framesDecoded, keyframes: entry.keyFramesDecoded, freezes: entry.freezeCount });
      Object.assign(seen, { width: entry.frameWidth, lost: entry.packetsLost, plis: entry.pliCount, dropped: entry.framesDropped });
    } else {
      Object.assign(seen, { samples: entry.totalSamplesReceived, concealed: entry.concealedSamples, energy: entry.totalAudioEnergy });
    }
  }
  return seen;
}

// Publishes a drawn picture as a WHIP client that sends its offer before it has candidates, and each one after (RFC 9725, 4.3.2).
export async function trickle({ endpoint, patience }) {
  const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
  const context = canvas.getContext("2d");
  let drawn = 0;
  setInterval(() => {
    drawn += 1;
    context.fillStyle = `hsl(${(drawn * 7) % 360} 80% 50%)`;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = "#fff";
    context.fillRect((drawn * 8) % canvas.width, 120, 80, 80);
  }, 33);
  const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  const [track] = canvas.captureStream(30).getVideoTracks();
  peer.addTransceiver(track, { direction: "sendonly" });
  const waiting = [];
  let gathered;
  const complete = new Promise((done) => (gathered = done));
  peer.onicecandidate = ({ candidate }) => (candidate?.candidate ? waiting.push(candidate) : candidate ?? gathered());
  const offer = await peer.createOffer();
  if (offer.sdp.includes("a=candidate:")) return { error: "the offer has candidates" };
  await peer.setLocalDescription(offer);
  const created = await fetch(endpoint, { method: "POST", headers: { "Content-Type": "application/sdp" }, body: offer.sdp });
  const answer = await created.text();
  if (created.status !== 201) return { error: `POST: ${created.status} ${answer}` };
  const etag = created.headers.get("etag");
  await complete;
  const value = (name) => offer.sdp.match(new RegExp(`a=${name}:(.*?)\\r?\\n`))[1];
  const patch = (line) =>
    fetch(window.sessions.at(-1), {
      method: "PATCH",
      headers: { "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": etag },
      body:
        `a=ice-ufrag:${value("ice-ufrag")}\r\na=ice-pwd:${value("ice-pwd")}\r\n` +
        `m=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:${value("mid")}\r\na=${line}\r\n`,
    });
  const trickled = [];
  for (const line of [...waiting.map(({ candidate }) => candidate), "end-of-candidates"]) {
    trickled.push([line, (await patch(line)).status]);
  }
  await peer.setRemoteDescription({ type: "answer", sdp: answer });
  const end = performance.now() + patience * 1000;
  while (peer.connectionState !== "connected") {
    if (performance.now() > end) return { error: `still ${peer.connectionState}`, trickled };
    await new Promise((next) => setTimeout(next, 20));
  }
  return { trickled };
}

// Publishes the test picture in layers (sendEncodings), and resolves when each of them is sent. `off` names one that is paused
// for some seconds later on.
// `steady`: neither smaller nor fewer pictures where this machine is busy.
export async function simulcast({ endpoint, patience, codec, encodings, off, steady, width = 1280, height = 720, fps = 15 }) {
  const { openTest } = await import(new URL("/assets/sources.js", location.href).href);
  const stream = await openTest({ width, height, fps });
  const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  let sender;
  for (const track of stream.getTracks()) {
    const video = track.kind === "video";
    const transceiver = peer.addTransceiver(track, {
      direction: "sendonly",
      streams: [stream],
      ...(video ? { sendEncodings: encodings } : {}),
    });
    if (!video) continue;
    sender = transceiver.sender;
    const { codecs } = RTCRtpSender.getCapabilities("video");
    const chosen = codecs.filter(({ mimeType }) => mimeType === `video/${codec}`);
    transceiver.setCodecPreferences([...chosen, ...codecs.filter(({ mimeType }) => mimeType === "video/rtx")]);
    if (steady) await sender.setParameters({ ...sender.getParameters(), degradationPreference: "maintain-framerate-and-resolution" });
  }
  await peer.setLocalDescription(await peer.createOffer());
  const offer = peer.localDescription.sdp;
  const created = await fetch(endpoint, { method: "POST", headers: { "Content-Type": "application/sdp" }, body: offer });
  const answer = await created.text();
  if (created.status !== 201) return { ready: false, error: `POST: ${created.status} ${answer}` };
  await peer.setRemoteDescription({ type: "answer", sdp: answer });
  const wait = (ms) => new Promise((next) => setTimeout(next, ms));
  const end = performance.now() + patience * 1000;
  const layers = async () => {
    const stats = [...(await peer.getStats()).values()];
    const sent = stats.filter((entry) => entry.type === "outbound-rtp" && entry.kind === "video");
    return sent.map(({ rid, framesSent, frameWidth, frameHeight }) => ({ rid, framesSent, frameWidth, frameHeight }));
  };
  const complete = (sent) => sent.length === encodings.length && sent.every(({ framesSent }) => framesSent > 0);
  while (!complete(await layers())) {
    if (performance.now() > end) return { ready: false, layers: await layers(), state: peer.connectionState, answer };
    await wait(50);
  }
  if (off) {
    const set = async (active) => {
      const parameters = sender.getParameters();
      parameters.encodings.find(({ rid }) => rid === off.rid).active = active;
      await sender.setParameters(parameters);
    };
    setTimeout(() => set(false), off.after * 1000);
    setTimeout(() => set(true), (off.after + off.seconds) * 1000);
  }
  return { ready: true, layers: await layers() };
}

// Asks for one layer after the other (WHEP layer selection), by rid or by `select`, and tells what was played of each: the width
// of its picture, and the shortest media time between two frames, which is at least `slow_ms` or at most `fast_ms`. An empty rid
// leaves the choice to the server.
export async function change({ steps, seconds, patience }) {
  const wait = (ms) => new Promise((next) => setTimeout(next, ms));
  const end = performance.now() + patience * 1000;
  const inbound = async () => {
    const found = {};
    for (const entry of (await window.peerConnections.at(-1).getStats()).values()) {
      if (entry.type === "inbound-rtp") found[entry.kind] = { ...entry };
    }
    return found;
  };
  const video = () => window.wasmcast?.player?.video ?? document.querySelector("video");
  while (!(video()?.videoWidth > 0)) {
    if (performance.now() > end) return { error: "nothing played", text: document.body.innerText };
    await wait(20);
  }
  // Each frame that is shown, with its RTP timestamp: its place in the media, however busy this machine is.
  const frames = [];
  const look = (_, frame) => {
    frames.push({ timestamp: frame.rtpTimestamp, width: frame.width });
    video().requestVideoFrameCallback(look);
  };
  video().requestVideoFrameCallback(look);
  const seen = [];
  const selected = [];
  const between = (list) => list.slice(1).map((frame, at) => (frame.timestamp - list[at].timestamp) / 90);
  const settled = ({ width, slow_ms, fast_ms }) => {
    const last = frames.slice(-4);
    const steps = between(last);
    const paced = (!slow_ms || steps.every((step) => step >= slow_ms)) && (!fast_ms || steps.some((step) => step <= fast_ms));
    return last.length === 4 && last.every((frame) => frame.width === width) && paced;
  };
  for (const step of steps) {
    const { rid, width, select } = step;
    const answer = await fetch(`${window.sessions.at(-1)}/layer`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(select ?? (rid ? { encodingId: rid } : {})),
    });
    selected.push(answer.status);
    while (select ? !settled(step) : frames.at(-1)?.width !== width) {
      if (performance.now() > end) return { error: `no frame of ${JSON.stringify(step)}`, seen, selected, frames: frames.slice(-5), stats: await inbound() };
      await wait(20);
    }
    const before = frames.length;
    await wait(seconds * 1000);
    const of_step = frames.slice(before);
    seen.push({ ...step, frames: of_step.filter((frame) => frame.width === width).length, shortest_ms: Math.min(...between(of_step)) });
  }
  let [longest, backwards] = [0, 0];
  for (let at = 1; at < frames.length; at += 1) {
    const step = (frames[at].timestamp - frames[at - 1].timestamp) | 0;
    longest = Math.max(longest, step);
    backwards += step < 0;
  }
  const { audio, video: picture } = await inbound();
  return {
    seen,
    selected,
    shown: frames.length,
    longest_ms: longest / 90,
    backwards,
    lost: picture.packetsLost,
    freezes: picture.freezeCount,
    frozen_s: picture.totalFreezesDuration,
    keyframes: picture.keyFramesDecoded,
    decoded: picture.framesDecoded,
    received: picture.framesReceived,
    dropped: picture.framesDropped,
    pli: picture.pliCount,
    nack: picture.nackCount,
    sound: { lost: audio?.packetsLost, received: audio?.packetsReceived, samples: audio?.totalSamplesReceived, concealed: audio?.concealedSamples },
  };
}

// Restarts ICE of a connection by PATCH on its session (RFC 9725, 4.3.3), and tells what came, or went, before and after.
export async function restart({ patience }) {
  const end = performance.now() + patience * 1000;
  const tick = () => new Promise((next) => setTimeout(next, 50));
  const look = async () => {
    const seen = { frames: 0, pairs: [] };
    for (const peer of window.peerConnections) {
      const stats = await peer.getStats();
      for (const entry of stats.values()) {
        if (entry.type === "inbound-rtp" && entry.kind === "video") seen.frames = entry.framesDecoded ?? 0;
        if (entry.type === "outbound-rtp" && entry.kind === "video") seen.frames = entry.framesSent ?? 0;
        if (entry.type === "transport") {
          const pair = stats.get(entry.selectedCandidatePairId);
          seen.local = entry.iceLocalUsernameFragment;
          seen.state = pair?.state;
        }
      }
    }
    return seen;
  };
  const until = async (done) => {
    for (;;) {
      const seen = await look();
      if (done(seen) || performance.now() > end) return seen;
      await tick();
    }
  };
  const before = await until((seen) => seen.frames > 10);
  // How far the media of two frames that are shown one after the other is apart at most.
  let longest_ms = 0;
  let newest;
  const video = window.wasmcast?.player?.video;
  const shown = (_, { rtpTimestamp }) => {
    if (newest !== undefined) longest_ms = Math.max(longest_ms, ((rtpTimestamp - newest) >>> 0) / 90);
    newest = rtpTimestamp;
    video.requestVideoFrameCallback(shown);
  };
  video?.requestVideoFrameCallback(shown);
  const peer = window.peerConnections.at(-1);
  const value = (text, name) => text.match(new RegExp(`a=${name}:(.*?)\\r?\\n`))[1];
  peer.restartIce();
  await peer.setLocalDescription(await peer.createOffer());
  const offer = peer.localDescription.sdp;
  const [ufrag, pwd] = ["ice-ufrag", "ice-pwd"].map((name) => value(offer, name));
  const mid = value(offer, "mid");
  const response = await fetch(window.sessions.at(-1), {
    method: "PATCH",
    headers: { "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*" },
    body: `a=ice-ufrag:${ufrag}\r\na=ice-pwd:${pwd}\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:${mid}\r\n`,
  });
  const fragment = await response.text();
  if (response.status !== 200) return { error: `PATCH: ${response.status} ${fragment}` };
  const answer = ["ice-ufrag", "ice-pwd"].reduce(
    (sdp, name) => sdp.replace(new RegExp(`a=${name}:.*`, "g"), `a=${name}:${value(fragment, name)}`),
    peer.remoteDescription.sdp,
  );
  await peer.setRemoteDescription({ type: "answer", sdp: answer });
  // The old pair carries media until the new one is nominated.
  const moved = await until((seen) => seen.local === ufrag && seen.state === "succeeded");
  const after = await until((seen) => seen.frames > moved.frames + 30);
  return { before, moved, after, longest_ms, ufrag, connection: peer.connectionState, etag: response.headers.get("etag") };
}

// Waits until a viewer has shown some frames.
export async function connectedViewer({ patience }) {
  const end = performance.now() + patience * 1000;
  window.shown = { longest_ms: 0, frames: 0 };
  const watch = (_, { rtpTimestamp }) => {
    const { newest } = window.shown;
    const step = newest === undefined ? 0 : ((rtpTimestamp - newest) >>> 0) / 90;
    if (step > 200) (window.shown.gaps ??= []).push([Math.round(performance.now()), Math.round(step)]);
    window.shown.longest_ms = Math.max(window.shown.longest_ms, step);
    window.shown.newest = rtpTimestamp;
    window.shown.frames += 1;
    window.wasmcast.player.video.requestVideoFrameCallback(watch);
  };
  while (!window.wasmcast?.player?.video) await new Promise((next) => setTimeout(next, 20));
  window.wasmcast.player.video.requestVideoFrameCallback(watch);
  while (window.shown.frames < 60 && performance.now() < end) await new Promise((next) => setTimeout(next, 50));
}

// Waits until nothing arrives any more, tells the page that there is another network, as the system of a phone does, and what
// was missing between two frames that were shown. `real`: the system itself tells the page, whose path is another one then.
export async function move({ patience, real }) {
  const end = performance.now() + patience * 1000;
  const peer = window.peerConnections.at(-1);
  const bytes = async () => {
    const stats = [...(await peer.getStats()).values()];
    return stats.filter(({ type }) => type === "candidate-pair").reduce((sum, pair) => sum + (pair.bytesReceived ?? 0), 0);
  };
  const wait = (ms) => new Promise((next) => setTimeout(next, ms));
  const before = { ...window.shown };
  window.shown.longest_ms = 0;
  const pair = async () => [...(await peer.getStats()).values()].find(({ type }) => type === "transport")?.selectedCandidatePairId;
  const first = await pair();
  // What the page is told, and does, and when.
  const told = [];
  const note = (what) => told.push([Math.round(performance.now()), what]);
  peer.addEventListener("connectionstatechange", () => note(`connection ${peer.connectionState}`));
  peer.addEventListener("iceconnectionstatechange", () => note(`ice ${peer.iceConnectionState}`));
  peer.addEventListener("icecandidate", ({ candidate }) => note(`candidate ${candidate?.address ?? "none"}`));
  for (const name of ["online", "offline"]) addEventListener(name, () => note(name));
  navigator.connection?.addEventListener?.("change", () => note("change"));
  const fetched = window.fetch;
  window.fetch = async (...settings) => {
    note(`${settings[1]?.method ?? "GET"} begins`);
    try {
      const response = await fetched(...settings);
      note(`${settings[1]?.method ?? "GET"} ${response.status}`);
      return response;
    } catch (error) {
      note(`${settings[1]?.method ?? "GET"} ${error}`);
      throw error;
    }
  };
  const cut = async (seen) => (real ? (await pair()) !== first : (await bytes()) === seen);
  for (let seen = -1; !(await cut(seen)); ) {
    if (performance.now() > end) return { error: "the path was not cut off", before, state: peer.connectionState };
    seen = await bytes();
    await wait(100);
  }
  const at = window.shown.frames;
  if (!real) dispatchEvent(new Event("online"));
  while (window.shown.frames < at + 60) {
    if (performance.now() > end) return { error: "nothing is shown any more", before, shown: window.shown, state: peer.connectionState };
    await wait(50);
  }
  const counts = { sessions: window.sessions.length, connections: window.peerConnections.length };
  return { before, ...window.shown, ...counts, told };
}

// Chooses each size of the player's menu, the largest first, and then what the server finds best; tells what was shown of each.
export async function menu({ sizes, patience }) {
  const end = performance.now() + patience * 1000;
  const wait = (ms) => new Promise((next) => setTimeout(next, ms));
  const select = () => document.querySelector("wasmcast-player")?.shadowRoot.querySelector("select[data-id=layers]");
  const offered = () => [...(select()?.options ?? [])].map(({ label, disabled }) => ({ label, disabled }));
  const complete = () => select() && !select().hidden && sizes + 1 === offered().filter(({ disabled }) => !disabled).length;
  while (!complete() || !(window.wasmcast.player.video.videoWidth > 0)) {
    if (performance.now() > end) return { error: "the menu does not have all sizes", offered: offered() };
    await wait(50);
  }
  const labels = offered().map(({ label }) => label);
  const video = window.wasmcast.player.video;
  const chosen = [];
  for (const label of [...labels.slice(1), labels[0]]) {
    // As a visitor does it: the menu may be drawn anew at any time.
    const option = [...select().options].find((candidate) => candidate.label === label);
    select().value = option.value;
    select().dispatchEvent(new Event("change", { bubbles: true }));
    const wanted = label === labels[0] ? labels[1] : label;
    while (`${video.videoHeight}p` !== wanted) {
      if (performance.now() > end) return { error: `no picture of ${label}`, labels, chosen, height: video.videoHeight };
      await wait(50);
    }
    chosen.push({ label, height: video.videoHeight, shown: select().selectedOptions[0]?.label });
  }
  return { labels, chosen, sessions: window.sessions.length };
}

// Waits until the page shows a word, and tells what it shows.
export async function look({ until, patience }) {
  const end = performance.now() + patience * 1000;
  // Elements may keep what they show in a tree of their own.
  const texts = (root) => [...root.querySelectorAll("*")].flatMap((element) => {
    const own = element.shadowRoot;
    return own ? [...[...own.children].map((child) => child.innerText ?? ""), ...texts(own)] : [];
  });
  const text = () => [document.body.innerText, ...texts(document)].join("\n");
  const found = () => text().toLowerCase().includes(until.toLowerCase());
  while (!found() && performance.now() < end) await new Promise((next) => requestAnimationFrame(next));
  const links = [...document.links].map((link) => link.pathname);
  return { found: found(), text: text(), links, title: document.title };
}

// Plays for some seconds, and tells how it went: the longest time without a new picture, by the clock and by the media, and the
// longest time for which this machine kept the page waiting anyhow. Where the pictures are `marked` with the row of black and white
// cells of our test picture, it tells how many of them could not be read.
export async function endure({ seconds, patience, marked }) {
  const deadline = performance.now() + patience * 1000;
  const video = () => window.wasmcast?.player?.video ?? document.querySelector("video");
  while (!(video()?.videoWidth > 0)) {
    if (performance.now() > deadline) return { error: "nothing played", text: document.body.innerText };
    await new Promise((next) => setTimeout(next, 20));
  }
  const CELLS = 44;
  const canvas = Object.assign(document.createElement("canvas"), { width: CELLS * 4, height: 4 });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  // Whether the row reads as what it says with its checksum, as in src/codec/pattern.rs.
  const readable = () => {
    const rows = Math.max(4, Math.floor(video().videoHeight / 30));
    context.drawImage(video(), 0, 0, video().videoWidth, rows, 0, 0, canvas.width, canvas.height);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
    const level = (cell) => {
      const at = (row, column) => pixels[(row * canvas.width + cell * 4 + column) * 4 + 1];
      return (at(1, 1) + at(1, 2) + at(2, 1) + at(2, 2)) / 4;
    };
    const middle = (level(0) + level(1)) / 2;
    const bits = Array.from({ length: 40 }, (_, bit) => Number(level(bit + 2) > middle));
    const byte = (at) => bits.slice(at, at + 8).reduce((sum, bit) => sum * 2 + bit, 0);
    let crc = 0x5a;
    for (let at = 0; at < 32; at += 8) {
      crc ^= byte(at);
      for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x80 ? ((crc << 1) ^ 7) & 0xff : (crc << 1) & 0xff;
    }
    return level(0) > level(1) + 64 && crc === byte(32);
  };
  const frames = [];
  let unreadable = 0;
  const look = (now, frame) => {
    frames.push({ timestamp: frame.rtpTimestamp, at: frame.presentationTime });
    if (marked && !readable()) unreadable += 1;
    video().requestVideoFrameCallback(look);
  };
  video().requestVideoFrameCallback(look);
  let [stall, beat] = [0, performance.now()];
  const watch = setInterval(() => {
    const now = performance.now();
    [stall, beat] = [Math.max(stall, now - beat - 20), now];
  }, 20);
  await new Promise((next) => setTimeout(next, seconds * 1000));
  clearInterval(watch);
  let [gap, step, backwards] = [0, 0, 0];
  for (let at = 1; at < frames.length; at += 1) {
    const ticks = (frames[at].timestamp - frames[at - 1].timestamp) | 0;
    gap = Math.max(gap, frames[at].at - frames[at - 1].at);
    step = Math.max(step, ticks);
    backwards += ticks < 0;
  }
  const seen = { frames: frames.length, gap_ms: gap, step_ms: step / 90, stall_ms: stall, backwards, unreadable };
  for (const entry of (await window.peerConnections.at(-1).getStats()).values()) {
    if (entry.type !== "inbound-rtp" || entry.kind !== "video") continue;
    Object.assign(seen, { decoded: entry.framesDecoded, dropped: entry.framesDropped, freezes: entry.freezeCount });
    Object.assign(seen, { frozen_s: entry.totalFreezesDuration, lost: entry.packetsLost, nacks: entry.nackCount, plis: entry.pliCount });
  }
  return seen;
}

// Watches the page's video element: picture size and motion, tone of each channel, sound against picture.
export async function measure({ seconds, patience, kinds }) {
  const tick = () => new Promise((next) => setTimeout(next, 20));
  const deadline = performance.now() + patience * 1000;
  const inbound = async () => {
    const found = {};
    for (const peer of window.peerConnections) {
      for (const entry of (await peer.getStats()).values()) {
        if (entry.type === "inbound-rtp" && entry.packetsReceived > 0) found[entry.kind] = { ...entry };
        if (entry.type === "codec") (found.codecs ??= {})[entry.id] = entry.mimeType;
      }
    }
    return found;
  };
  const failed = async (why) => ({
    error: why,
    states: window.peerConnections.map((peer) => [peer.connectionState, peer.iceConnectionState, peer.signalingState]),
    stats: await inbound(),
    text: document.body.innerText,
  });

  let element;
  const playing = () => {
    element = window.wasmcast?.player?.video ?? document.querySelector("video, audio");
    const tracks = element?.srcObject?.getTracks().map((track) => track.kind) ?? [];
    return kinds.every((kind) => tracks.includes(kind)) && (!kinds.includes("video") || element.videoWidth > 0);
  };
  while (!playing()) {
    if (performance.now() > deadline) return failed("nothing played");
    await tick();
  }

  const picture = { frames: 0, motion: [], sizes: new Set() };
  if (kinds.includes("video")) {
    const canvas = Object.assign(document.createElement("canvas"), { width: 80, height: 45 });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    let previous;
    const look = () => {
      context.drawImage(element, 0, 0, canvas.width, canvas.height);
      const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
      if (previous) {
        let change = 0;
        for (let at = 0; at < pixels.length; at += 4) change += Math.abs(pixels[at + 1] - previous[at + 1]);
        picture.motion.push(change / (pixels.length / 4));
      }
      previous = pixels;
      picture.frames += 1;
      picture.sizes.add(`${element.videoWidth}x${element.videoHeight}`);
      element.requestVideoFrameCallback(look);
    };
    element.requestVideoFrameCallback(look);
  }

  // Recorded and decoded again: an AudioContext stands still in a browser without a sound card, a recorder does not.
  const recorded = [];
  let recorder;
  if (kinds.includes("audio")) {
    // Firefox records as many channels as the track has at first, and before the first sound that is one.
    while (!((await inbound()).audio?.jitterBufferEmittedCount > 24000)) {
      if (performance.now() > deadline) return failed("no sound came");
      await tick();
    }
    recorder = new MediaRecorder(new MediaStream(element.srcObject.getAudioTracks()), { audioBitsPerSecond: 192000 });
    recorder.ondataavailable = (event) => recorded.push(event.data);
    recorder.start();
  }

  // A player pulls sound and picture together over the first seconds: it has the time until the deadline, and then holds.
  const NEAR_MS = 60;
  const start = performance.now();
  const skews = [];
  const held = () => skews.length >= 5 && skews.slice(-5).every((skew) => Math.abs(skew) <= NEAR_MS);
  while (performance.now() - start < seconds * 1000 || (kinds.length === 2 && !held() && performance.now() < deadline)) {
    const { audio, video } = await inbound();
    if (audio?.estimatedPlayoutTimestamp && video?.estimatedPlayoutTimestamp) {
      skews.push(video.estimatedPlayoutTimestamp - audio.estimatedPlayoutTimestamp);
    }
    await new Promise((next) => setTimeout(next, 200));
  }

  const median = (values) => (values.length ? values.sort((a, b) => a - b)[values.length >> 1] : null);
  const rate = 48000;
  let sound;
  if (recorder) {
    const stopped = new Promise((done) => (recorder.onstop = done));
    recorder.stop();
    await stopped;
    const bytes = await new Blob(recorded).arrayBuffer();
    sound = await new OfflineAudioContext(2, rate, rate).decodeAudioData(bytes);
  }
  // The loudest frequency of a quarter second, by a discrete Fourier transform over what matters. Frequencies are nearer to
  // each other than the window is sharp, so that none falls between two.
  const loudest = (samples) => {
    const step = 8; // 6,000 samples a second are enough for what is looked for
    let best = { hz: 0, power: 1e-4 * samples.length };
    for (let hz = 80; hz <= 2000; hz += 4) {
      let [real, imaginary] = [0, 0];
      for (let at = 0; at < samples.length; at += step) {
        const angle = (2 * Math.PI * hz * at) / rate;
        const sample = samples[at] * (0.5 - 0.5 * Math.cos((2 * Math.PI * at) / samples.length));
        real += sample * Math.cos(angle);
        imaginary += sample * Math.sin(angle);
      }
      const power = Math.hypot(real, imaginary) * step;
      if (power > best.power) best = { hz, power };
    }
    return best.hz;
  };
  // A pip of another tone marks each second: of five looks, 0.4 s apart, it is in two at most.
  const tone = (channel) => {
    const samples = sound.getChannelData(channel);
    const looks = [0, 1, 2, 3, 4].map((n) => samples.length - rate / 4 - n * 0.4 * rate).filter((start) => start >= 0);
    return median(looks.map((start) => loudest(samples.subarray(start, start + rate / 4)))) ?? 0;
  };
  const stats = await inbound();
  const settled = skews.slice(-5);
  return {
    video: kinds.includes("video")
      ? {
          frames: picture.frames,
          width: element.videoWidth,
          height: element.videoHeight,
          sizes: [...picture.sizes],
          motion: median(picture.motion) ?? 0,
          codec: stats.codecs?.[stats.video?.codecId] ?? null,
          decoded: stats.video?.framesDecoded,
          lost: stats.video?.packetsLost,
        }
      : null,
    audio: kinds.includes("audio")
      ? {
          seconds: sound.duration,
          channels: sound.numberOfChannels,
          left_hz: tone(0),
          right_hz: tone(Math.min(1, sound.numberOfChannels - 1)),
          codec: stats.codecs?.[stats.audio?.codecId] ?? null,
        }
      : null,
    skew_ms: median(settled),
    skews: skews.map(Math.round),
  };
}
